package image

import (
	"encoding/binary"
	"fmt"
)

// pageSize is the largest that SQLite knows: the fewest pages to look up.
const pageSize = 1 << 16

const fileHeader = 100

// Table is a database of one table and its indexes. Rows are appended in
// ascending order of their keys, then the entries of each index in the order of
// the index, and it is complete after Finish. It is not used by several goroutines.
type Table struct {
	file    []byte // whole pages
	changes uint32 // tells SQLite that what it has read before is no longer so
	rows    tree
	indexes []*Index
}

// Definition is an object as sqlite_schema has it.
type Definition struct {
	Name   string
	Create string // the text of its CREATE
}

// New returns an empty table with the indexes that are listed.
func New(table Definition, indexes ...Definition) *Table {
	t := &Table{file: make([]byte, pageSize)}
	t.rows = tree{table: t, root: t.add(), kind: tableTree}
	for range indexes {
		t.indexes = append(t.indexes, &Index{tree: tree{table: t, root: t.add(), kind: indexTree}})
	}
	h := t.file
	copy(h, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(h[16:], 1) // pageSize
	h[18], h[19] = 1, 1                   // no log
	h[21], h[22], h[23] = 64, 32, 32
	binary.BigEndian.PutUint32(h[40:], 1) // version of the definitions
	binary.BigEndian.PutUint32(h[44:], 4) // format of sqlite_schema
	binary.BigEndian.PutUint32(h[56:], 1) // UTF-8
	binary.BigEndian.PutUint32(h[96:], 3046000)
	t.define(append([]Definition{table}, indexes...))
	t.Reset()
	return t
}

// define writes sqlite_schema, which is the tree of page 1.
func (t *Table) define(objects []Definition) {
	page := t.page(1)
	content := pageSize
	var r Record
	for i, object := range objects {
		kind, root := "index", 0
		if i == 0 {
			kind, root = "table", t.rows.root
		} else {
			root = t.indexes[i-1].root
		}
		r.Reset()
		for _, text := range []string{kind, object.Name, objects[0].Name} {
			r.Text(text)
		}
		r.Int(int64(root))
		r.Text(object.Create)
		cell := r.AppendTo(appendVarint(appendVarint(nil, uint64(r.size())), uint64(i+1)))
		content -= len(cell)
		copy(page[content:], cell)
		binary.BigEndian.PutUint16(page[fileHeader+leafHeader+2*i:], uint16(content))
	}
	putHeader(page[fileHeader:], leafTable, len(objects), content)
}

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	t.file = t.file[:(1+1+len(t.indexes))*pageSize]
	t.rows.reset()
	for _, index := range t.indexes {
		index.reset()
	}
}

// Append adds a row. Its key must be above all before it.
func (t *Table) Append(key int64, r *Record) { t.rows.append(key, r) }

// Full reports whether the table has no room for another row of any size.
func (t *Table) Full() bool { return t.rows.full() }

// Index returns an index by its place in what New was given.
func (t *Table) Index(i int) *Index { return t.indexes[i] }

// Index is an index of a Table.
type Index struct{ tree }

// Append adds an entry: the columns of the index, and the key of the row. It must
// be above all before it, and takes some hundred bytes at most.
func (i *Index) Append(r *Record) error {
	if i.full() || r.size() > maxEntry {
		return fmt.Errorf("an index of more than %d pages or an entry of %d bytes", len(i.children), r.size())
	}
	i.append(0, r)
	return nil
}

// Finish completes the database.
func (t *Table) Finish() {
	t.rows.finish()
	for _, index := range t.indexes {
		index.finish()
	}
	t.changes++
	h := t.file
	binary.BigEndian.PutUint32(h[24:], t.changes)
	binary.BigEndian.PutUint32(h[28:], uint32(len(t.file)/pageSize))
	binary.BigEndian.PutUint32(h[92:], t.changes) // that the size is right
}

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
