package clickhouse

import (
	"encoding/binary"
	"strings"
)

// rows is a body of ClickHouse's RowBinary format: values without names, one after
// another, in the order of the columns that the INSERT names.
type rows []byte

func (r *rows) int64(v int64)   { *r = binary.LittleEndian.AppendUint64(*r, uint64(v)) }
func (r *rows) uint64(v uint64) { *r = binary.LittleEndian.AppendUint64(*r, v) }
func (r *rows) int32(v int32)   { *r = binary.LittleEndian.AppendUint32(*r, uint32(v)) }
func (r *rows) uint32(v uint32) { *r = binary.LittleEndian.AppendUint32(*r, v) }
func (r *rows) uint8(v uint8)   { *r = append(*r, v) }
func (r *rows) length(n int)    { *r = binary.AppendUvarint(*r, uint64(n)) }

func (r *rows) bool(v bool) {
	if v {
		r.uint8(1)
	} else {
		r.uint8(0)
	}
}

func (r *rows) text(s string) {
	r.length(len(s))
	*r = append(*r, s...)
}

// fixed is a FixedString of the bytes' length.
func (r *rows) fixed(b []byte) { *r = append(*r, b...) }

// null is a Nullable without a value; present comes before the value of another.
func (r *rows) null()    { r.uint8(1) }
func (r *rows) present() { r.uint8(0) }

// elements are those of a JSON array, each as its text: an Array(String). Text that
// is no array is one element, none at all none.
func (r *rows) elements(array string) {
	array = strings.TrimSpace(array)
	if len(array) < 2 || array[0] != '[' || array[len(array)-1] != ']' {
		if array == "" {
			r.length(0)
			return
		}
		r.length(1)
		r.text(array)
		return
	}
	inner := array[1 : len(array)-1]
	if strings.TrimSpace(inner) == "" {
		r.length(0)
		return
	}
	n := 1
	eachComma(inner, func(int) { n++ })
	r.length(n)
	from := 0
	eachComma(inner, func(at int) {
		r.text(inner[from:at])
		from = at + 1
	})
	r.text(inner[from:])
}

// eachComma visits the commas of JSON text that are in no string, array or object.
func eachComma(text string, visit func(at int)) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				visit(i)
			}
		}
	}
}

// endOfString returns where the JSON string that begins at i ends.
func endOfString(text string, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}
