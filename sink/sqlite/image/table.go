package image

import (
	"encoding/binary"
)

// pageSize is the largest that SQLite knows: the fewest pages to look up.
const pageSize = 1 << 16

// Sizes within a page.
const (
	leafHeader     = 8
	interiorHeader = 12
	fileHeader     = 100
	// A record that is larger than this goes on on overflow pages; minLocal
	// bounds from below what stays.
	maxLocal = pageSize - 35
	minLocal = (pageSize-12)*32/255 - 23
)

// Kinds of pages.
const (
	interiorTable = 0x05
	leafTable     = 0x0d
)

const rootPage = 2

// Table is a database of one table. It is built by Append in ascending order of
// the keys, and complete after Finish. It is not used by several goroutines.
type Table struct {
	file    []byte // whole pages
	changes uint32 // tells SQLite that what it has read before is no longer so

	leaf     int    // the number of the page that takes rows
	rows     int    // in it
	content  int    // where its cells begin
	lastKey  int64  // in it
	children []leaf // those before it
}

// leaf is a finished page of rows.
type leaf struct {
	page    int
	lastKey int64
}

// New returns an empty table: name and the text of its CREATE TABLE.
func New(name, create string) *Table {
	t := new(Table)
	t.file = make([]byte, 2*pageSize)
	h := t.file
	copy(h, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(h[16:], 1) // pageSize
	h[18], h[19] = 1, 1                   // no log
	h[21], h[22], h[23] = 64, 32, 32
	binary.BigEndian.PutUint32(h[40:], 1) // version of the table's definition
	binary.BigEndian.PutUint32(h[44:], 4) // format of sqlite_schema
	binary.BigEndian.PutUint32(h[56:], 1) // UTF-8
	binary.BigEndian.PutUint32(h[96:], 3046000)
	var r Record
	for _, text := range []string{"table", name, name} {
		r.Text(text)
	}
	r.Int(rootPage)
	r.Text(create)
	cell := r.appendTo(appendVarint(appendVarint(nil, uint64(r.size())), 1))
	at := pageSize - len(cell)
	copy(h[at:], cell)
	putLeafHeader(h[fileHeader:pageSize], 1, at)
	binary.BigEndian.PutUint16(h[fileHeader+leafHeader:], uint16(at))
	t.Reset()
	return t
}

func putLeafHeader(page []byte, rows, content int) {
	page[0] = leafTable
	binary.BigEndian.PutUint16(page[1:], 0)
	binary.BigEndian.PutUint16(page[3:], uint16(rows))
	binary.BigEndian.PutUint16(page[5:], uint16(content)) // 65536 is 0
	page[7] = 0
}

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	t.file = t.file[:rootPage*pageSize]
	t.children = t.children[:0]
	t.begin(rootPage)
}

func (t *Table) begin(page int) { t.leaf, t.rows, t.content = page, 0, pageSize }

// page returns a page by its number, from 1.
func (t *Table) page(n int) []byte { return t.file[(n-1)*pageSize : n*pageSize : n*pageSize] }

// add makes a new page and returns its number. What it holds is not defined.
func (t *Table) add() int {
	n := len(t.file)
	if cap(t.file) < n+pageSize {
		wider := make([]byte, n, 2*n+pageSize)
		copy(wider, t.file)
		t.file = wider
	}
	t.file = t.file[:n+pageSize]
	return n/pageSize + 1
}

// Append adds a row. Its key must be above all before it.
func (t *Table) Append(key int64, r *Record) {
	size := r.size()
	local := localSize(size)
	cell := varintSize(uint64(size)) + varintSize(uint64(key)) + local
	if local < size {
		cell += 4
	}
	if t.content-cell < leafHeader+2*(t.rows+1) {
		t.next()
	}
	t.content -= cell
	if local == size {
		r.appendTo(t.beginCell(size, key))
	} else {
		record := r.appendTo(make([]byte, 0, size))
		first := t.overflow(record[local:]) // may move the file: the cell comes after it
		b := append(t.beginCell(size, key), record[:local]...)
		binary.BigEndian.AppendUint32(b, uint32(first))
	}
	binary.BigEndian.PutUint16(t.page(t.leaf)[leafHeader+2*t.rows:], uint16(t.content))
	t.rows++
	t.lastKey = key
}

// beginCell writes what a cell begins with, where the content begins, and returns
// it to be appended to in place.
func (t *Table) beginCell(size int, key int64) []byte {
	b := t.page(t.leaf)[t.content:t.content]
	return appendVarint(appendVarint(b, uint64(size)), uint64(key))
}

// localSize is how much of a record stays in its leaf.
func localSize(size int) int {
	if size <= maxLocal {
		return size
	}
	if local := minLocal + (size-minLocal)%(pageSize-4); local <= maxLocal {
		return local
	}
	return minLocal
}

// overflow stores the rest of a record on pages of its own.
func (t *Table) overflow(rest []byte) (first int) {
	first = t.add()
	for n := first; ; {
		taken := copy(t.page(n)[4:], rest)
		rest = rest[taken:]
		next := 0
		if len(rest) > 0 {
			next = t.add()
		}
		binary.BigEndian.PutUint32(t.page(n), uint32(next))
		if next == 0 {
			return first
		}
		n = next
	}
}

// next ends the page that takes rows and begins another. The first one is at
// the root's place and has to leave it.
func (t *Table) next() {
	t.end()
	page := t.leaf
	if page == rootPage {
		page = t.add()
		copy(t.page(page), t.page(rootPage))
	}
	t.children = append(t.children, leaf{page, t.lastKey})
	t.begin(t.add())
}

func (t *Table) end() { putLeafHeader(t.page(t.leaf), t.rows, t.content) }

// Finish completes the database.
func (t *Table) Finish() {
	t.end()
	if len(t.children) > 0 {
		t.finishRoot()
	}
	t.changes++
	h := t.file
	binary.BigEndian.PutUint32(h[24:], t.changes)
	binary.BigEndian.PutUint32(h[28:], uint32(len(t.file)/pageSize))
	binary.BigEndian.PutUint32(h[92:], t.changes) // that the size is right
}

func (t *Table) finishRoot() {
	page := t.page(rootPage)
	content := pageSize
	for i, c := range t.children {
		content -= 4 + varintSize(uint64(c.lastKey))
		b := binary.BigEndian.AppendUint32(page[content:content], uint32(c.page))
		appendVarint(b, uint64(c.lastKey))
		binary.BigEndian.PutUint16(page[interiorHeader+2*i:], uint16(content))
	}
	putLeafHeader(page, len(t.children), content)
	page[0] = interiorTable
	binary.BigEndian.PutUint32(page[8:], uint32(t.leaf))
}

// Full reports whether the table has no room for another row of any size.
func (t *Table) Full() bool { return len(t.children) >= maxChildren }

// maxChildren is how many leaves a root has room for: 270 MiB of rows, without
// what lies on overflow pages. There is no level between them.
const maxChildren = (pageSize - interiorHeader) / (2 + 4 + 9)
