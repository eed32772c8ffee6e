// Package btree lays out an index of a SQLite database as finished pages.
//
// In: entries in the order of the index. Out: full pages, each entry written once, to
// be put where there is room for so many.
// May import: the standard library.
//
// CREATE INDEX sorts all rows and inserts each entry, in one statement that nobody
// can write beside: a microsecond a row. Pages that are laid out by somebody who has
// the entries are a tenth of that. The layout is that of
// https://www.sqlite.org/fileformat2.html.
package btree

import (
	"encoding/binary"
	"fmt"
)

// Kinds of pages, and the sizes of their headers.
const (
	interior, interiorHeader = 0x02, 12
	leaf, leafHeader         = 0x0a, 8
)

// maxEntry is the largest record that an Index takes: far below the size from which
// on SQLite would look for a part of it on another page.
const maxEntry = 100

// Index is an index at work: entries are appended in their order, then it is
// complete after Finish.
type Index struct {
	pageSize int
	levels   []*page // that take cells: a leaf, and one page at each height above
	pages    []*page // complete ones
}

// page is a page of the tree.
type page struct {
	data     []byte
	header   int
	cells    int
	content  int     // where the cells' content begins
	children []*page // one to the left of each cell, and one to the right of the last
	number   uint32
}

// New returns an empty index for a database of such pages.
func New(pageSize int) *Index {
	x := &Index{pageSize: pageSize}
	x.levels = []*page{x.page(leafHeader)}
	return x
}

func (x *Index) page(header int) *page {
	return &page{data: make([]byte, x.pageSize), header: header, content: x.pageSize}
}

// Append adds an entry, a record of the index's columns and the row's key. It must be
// above all before it.
func (x *Index) Append(record []byte) error {
	if len(record) < 4 || len(record) > maxEntry {
		return fmt.Errorf("an entry of %d bytes", len(record))
	}
	x.add(0, nil, append([]byte{byte(len(record))}, record...))
	return nil
}

// add adds a cell at a height, to the right of a child. The greatest cell of a page
// that is full stands above it, and nowhere else.
func (x *Index) add(height int, child *page, cell []byte) {
	if height == len(x.levels) {
		x.levels = append(x.levels, x.page(interiorHeader))
	}
	p := x.levels[height]
	if !p.fits(cell) {
		x.levels[height] = x.page(p.header)
		divider := p.pop()
		x.complete(p)
		x.add(height+1, p, divider)
		p = x.levels[height]
	}
	p.push(child, cell)
}

// pointer is what a cell has in front: the number of the page below it.
func (p *page) pointer() int {
	if p.header == interiorHeader {
		return 4
	}
	return 0
}

func (p *page) fits(cell []byte) bool {
	return p.content-p.pointer()-len(cell) >= p.header+2*(p.cells+1)
}

func (p *page) push(child *page, cell []byte) {
	p.content -= p.pointer() + len(cell)
	copy(p.data[p.content+p.pointer():], cell)
	binary.BigEndian.PutUint16(p.data[p.header+2*p.cells:], uint16(p.content))
	p.cells++
	if child != nil {
		p.children = append(p.children, child)
	}
}

// pop takes out the greatest cell. What was below it is to the right of the others.
func (p *page) pop() (cell []byte) {
	from := p.content + p.pointer()
	cell = append(cell, p.data[from:from+1+int(p.data[from])]...)
	end := from + len(cell)
	clear(p.data[p.content:end])
	p.content = end
	p.cells--
	clear(p.data[p.header+2*p.cells:][:2])
	return cell
}

func (x *Index) complete(p *page) {
	p.data[0] = leaf
	if p.header == interiorHeader {
		p.data[0] = interior
	}
	binary.BigEndian.PutUint16(p.data[3:], uint16(p.cells))
	binary.BigEndian.PutUint16(p.data[5:], uint16(p.content)) // 65536 is 0
	x.pages = append(x.pages, p)
}

// Finish completes the index and returns how many pages it has.
func (x *Index) Finish() int {
	var below *page
	for _, p := range x.levels {
		if below != nil {
			p.children = append(p.children, below)
		}
		x.complete(p)
		below = p
	}
	return len(x.pages)
}

// Write gives each page a number and writes it. The first number is that of the root;
// there are as many as Finish said.
func (x *Index) Write(numbers []uint32, write func(number uint32, data []byte) error) error {
	if len(numbers) != len(x.pages) {
		return fmt.Errorf("%d numbers for %d pages", len(numbers), len(x.pages))
	}
	for i, p := range x.pages {
		p.number = numbers[(i+1)%len(numbers)] // the root is the last
	}
	for _, p := range x.pages {
		for i, child := range p.children {
			at := interiorHeader - 4
			if i < p.cells {
				at = int(binary.BigEndian.Uint16(p.data[p.header+2*i:]))
			}
			binary.BigEndian.PutUint32(p.data[at:], child.number)
		}
		if err := write(p.number, p.data); err != nil {
			return err
		}
	}
	return nil
}
