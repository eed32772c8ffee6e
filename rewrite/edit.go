package rewrite

import (
	"bytes"
	"fmt"
	"sort"
)

// edits are replacements of byte ranges of one text. They are collected in
// any order; ranges may touch but not overlap.
type edits struct {
	list []edit
}

type edit struct {
	from, to int
	text     string
}

// replace puts text in place of the bytes [from, to); from == to inserts.
func (e *edits) replace(from, to int, text string) {
	e.list = append(e.list, edit{from, to, text})
}

// insert puts text before the byte at offset. Insertions at one offset keep
// the order in which they were made.
func (e *edits) insert(at int, text string) { e.replace(at, at, text) }

// apply returns src with all edits made.
func (e *edits) apply(src []byte) ([]byte, error) {
	list := append([]edit(nil), e.list...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].from < list[j].from })
	var out bytes.Buffer
	at := 0
	for _, x := range list {
		if x.from < at || x.to < x.from || x.to > len(src) {
			return nil, fmt.Errorf("edit of bytes %d to %d overlaps another or leaves the file", x.from, x.to)
		}
		out.Write(src[at:x.from])
		out.WriteString(x.text)
		at = x.to
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}
