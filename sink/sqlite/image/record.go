package image

import "encoding/binary"

// Record is one row at work. Columns are added in their order.
type Record struct {
	header []byte // a type for each column
	body   []byte
}

// Reset begins a new row.
func (r *Record) Reset() { r.header, r.body = r.header[:0], r.body[:0] }

// Null adds a column that is NULL, also the one that is the key of the row.
func (r *Record) Null() { r.header = append(r.header, 0) }

// Int adds an integer in as many bytes as it needs.
func (r *Record) Int(v int64) {
	magnitude := v
	if v < 0 {
		magnitude = ^v
	}
	switch {
	case v == 0:
		r.header = append(r.header, 8)
	case v == 1:
		r.header = append(r.header, 9)
	case magnitude < 1<<7:
		r.header = append(r.header, 1)
		r.body = append(r.body, byte(v))
	case magnitude < 1<<15:
		r.header = append(r.header, 2)
		r.body = append(r.body, byte(v>>8), byte(v))
	case magnitude < 1<<23:
		r.header = append(r.header, 3)
		r.body = append(r.body, byte(v>>16), byte(v>>8), byte(v))
	case magnitude < 1<<31:
		r.header = append(r.header, 4)
		r.body = binary.BigEndian.AppendUint32(r.body, uint32(v))
	case magnitude < 1<<47:
		r.header = append(r.header, 5)
		r.body = append(r.body, byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	default:
		r.header = append(r.header, 6)
		r.body = binary.BigEndian.AppendUint64(r.body, uint64(v))
	}
}

// Text adds a text.
func (r *Record) Text(s string) {
	r.header = appendVarint(r.header, uint64(len(s))*2+13)
	r.body = append(r.body, s...)
}

// size is that of the record as it is stored.
func (r *Record) size() int { return r.headerSize() + len(r.body) }

// headerSize includes the varint that says it.
func (r *Record) headerSize() int {
	n := len(r.header) + 1
	if n >= 1<<7 {
		n++ // 126 columns, or texts of a size that we do not meet
	}
	return n
}

// AppendTo appends the record as it is stored.
func (r *Record) AppendTo(b []byte) []byte {
	b = appendVarint(b, uint64(r.headerSize()))
	b = append(b, r.header...)
	return append(b, r.body...)
}

// appendVarint appends a number as SQLite has it: seven bits a byte, the highest
// first; the ninth byte has eight.
func appendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(b, byte(v))
	case v < 1<<14:
		return append(b, byte(v>>7)|0x80, byte(v)&0x7f)
	case v >= 1<<56:
		for shift := 57; shift >= 8; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	n := varintSize(v)
	for i := n - 1; i > 0; i-- {
		b = append(b, byte(v>>(7*i))|0x80)
	}
	return append(b, byte(v)&0x7f)
}

// varintSize is how many bytes appendVarint takes.
func varintSize(v uint64) int {
	n := 1
	for v >>= 7; v != 0 && n < 9; v >>= 7 {
		n++
	}
	return n
}
