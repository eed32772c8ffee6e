package image

import "encoding/binary"

// kind is what SQLite's b-trees differ by.
type kind struct{ leaf, interior byte }

var (
	tableTree = kind{leafTable, 0x05}
	indexTree = kind{0x0a, 0x02}
)

const leafTable = 0x0d

// Sizes within a page.
const (
	leafHeader     = 8
	interiorHeader = 12
	// A row that is larger than this goes on on overflow pages; minLocal
	// bounds from below what stays.
	maxLocal = pageSize - 35
	minLocal = (pageSize-12)*32/255 - 23
	// An entry of an index is on one page.
	maxEntry = 256
)

// tree is a b-tree at work: leaves in their order, below one root.
type tree struct {
	table *Table
	kind  kind
	root  int // the page that it begins at

	leaf     int    // the number of the page that takes cells
	cells    int    // in it
	content  int    // where they begin
	last     int    // where the content of the cell before the latest began
	lastKey  int64  // in it
	children []leaf // those before it
	dividers []byte // of an index: the cells between its leaves
	room     int    // of the root, for what points to leaves
}

// leaf is a finished page.
type leaf struct {
	page    int
	lastKey int64 // of a table
	divider int   // of an index: the length of its cell in dividers
}

func (t *tree) reset() {
	t.children, t.dividers = t.children[:0], t.dividers[:0]
	t.room = pageSize - interiorHeader
	t.begin(t.root)
}

func (t *tree) begin(page int) { t.leaf, t.cells, t.content, t.last = page, 0, pageSize, pageSize }

func putHeader(page []byte, kind byte, cells, content int) {
	page[0] = kind
	binary.BigEndian.PutUint16(page[1:], 0)
	binary.BigEndian.PutUint16(page[3:], uint16(cells))
	binary.BigEndian.PutUint16(page[5:], uint16(content)) // 65536 is 0
	page[7] = 0
}

// maxPointer is the most that a root needs for one more leaf, with its place.
const maxPointer = 2 + 4 + 2 + maxEntry

// full reports whether the root has no room for another leaf: a table has that
// for 270 MiB of rows, without what lies on overflow pages. There is no level
// between the root and the leaves.
func (t *tree) full() bool { return t.room < 2*maxPointer }

// append adds a cell; an index has no keys.
func (t *tree) append(key int64, r *Record) {
	size := r.size()
	local := size
	cell := varintSize(uint64(size))
	if t.kind == tableTree {
		cell += varintSize(uint64(key))
		if local = localSize(size); local < size {
			cell += 4
		}
	}
	cell += local
	if t.content-cell < leafHeader+2*(t.cells+1) {
		t.next()
	}
	t.last = t.content
	t.content -= cell
	switch {
	case local == size:
		r.AppendTo(t.beginCell(size, key))
	default:
		record := r.AppendTo(make([]byte, 0, size))
		first := t.table.overflow(record[local:]) // may move the file: the cell comes after it
		b := append(t.beginCell(size, key), record[:local]...)
		binary.BigEndian.AppendUint32(b, uint32(first))
	}
	binary.BigEndian.PutUint16(t.table.page(t.leaf)[leafHeader+2*t.cells:], uint16(t.content))
	t.cells++
	t.lastKey = key
}

// beginCell writes what a cell begins with, where the content begins, and returns
// it to be appended to in place.
func (t *tree) beginCell(size int, key int64) []byte {
	b := appendVarint(t.table.page(t.leaf)[t.content:t.content], uint64(size))
	if t.kind == tableTree {
		b = appendVarint(b, uint64(key))
	}
	return b
}

// localSize is how much of a row stays in its leaf.
func localSize(size int) int {
	if size <= maxLocal {
		return size
	}
	if local := minLocal + (size-minLocal)%(pageSize-4); local <= maxLocal {
		return local
	}
	return minLocal
}

// overflow stores the rest of a row on pages of its own.
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

// next ends the page that takes cells and begins another. The first one is at
// the root's place and has to leave it.
func (t *tree) next() {
	done := leaf{lastKey: t.lastKey}
	if t.kind == indexTree {
		// The greatest entry of a leaf stands in the root, and nowhere else.
		cell := t.table.page(t.leaf)[t.content:t.last]
		t.dividers = append(t.dividers, cell...)
		done.divider = len(cell)
		t.cells, t.content = t.cells-1, t.last
	}
	t.end()
	done.page = t.leaf
	if done.page == t.root {
		done.page = t.table.add()
		copy(t.table.page(done.page), t.table.page(t.root))
	}
	t.children = append(t.children, done)
	t.room -= t.pointer(done)
	t.begin(t.table.add())
}

func (t *tree) end() { putHeader(t.table.page(t.leaf), t.kind.leaf, t.cells, t.content) }

// pointer is how much of the root a leaf takes.
func (t *tree) pointer(c leaf) int {
	if t.kind == indexTree {
		return 2 + 4 + c.divider
	}
	return 2 + 4 + varintSize(uint64(c.lastKey))
}

func (t *tree) finish() {
	t.end()
	if len(t.children) == 0 {
		return
	}
	page := t.table.page(t.root)
	content := pageSize
	dividers := t.dividers
	for i, c := range t.children {
		content -= t.pointer(c) - 2
		b := binary.BigEndian.AppendUint32(page[content:content], uint32(c.page))
		if t.kind == indexTree {
			copy(page[content+len(b):], dividers[:c.divider])
			dividers = dividers[c.divider:]
		} else {
			appendVarint(b, uint64(c.lastKey))
		}
		binary.BigEndian.PutUint16(page[interiorHeader+2*i:], uint16(content))
	}
	putHeader(page, t.kind.interior, len(t.children), content)
	binary.BigEndian.PutUint32(page[8:], uint32(t.leaf))
}
