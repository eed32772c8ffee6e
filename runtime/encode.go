package runtime

import (
	"encoding/binary"
	"math"
	"time"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Encoder writes the arguments or results of one call as tagged values, see
// docs/format.md. It belongs to the goroutine. For generated code.
//
// Its memory is a stack of records: that of the innermost open call is last.
// Functions that touch it are marked go:norace, see race_on.go.
type Encoder struct {
	memory
	n     int // bytes in use
	room  int // up to where values are written without a further look
	limit int // up to where the record's values go; later ones are cut
	owner *goroutine

	maxBytes int
	depth    int // how many more containers may be nested
	pointees int // used of followed
	followed [maxPointees]uintptr
}

// maxPointees bounds how many pointers are followed within each other.
const maxPointees = 16

// begin prepares for the values of a call, or for its results, in the record
// that starts at an offset.
//
//go:norace
func (e *Encoder) begin(s *site, start int) {
	e.maxBytes, e.depth, e.pointees = s.maxBytes, s.depth, 0
	e.limit = start + wire.CallHeaderSize + maxValues
	e.room = e.limit
	if e.size < e.limit {
		e.room = e.size
	}
}

// record returns the bytes from an offset on.
//
//go:norace
func (e *Encoder) record(start int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(e.base, start)), e.n-start)
}

// header returns the header of the record that starts at an offset.
//
//go:norace
func (e *Encoder) header(start int) *[wire.CallHeaderSize]byte {
	return (*[wire.CallHeaderSize]byte)(unsafe.Add(e.base, start))
}

// shrink lets go of large memory.
//
//go:norace
func (e *Encoder) shrink() {
	if e.mapped != nil {
		e.free()
		e.room = 0
	}
}

const firstBuffer = 2 << 10

// reserve makes room for n more bytes.
//
//go:norace
func (e *Encoder) reserve(n int) {
	if e.n+n > e.size {
		e.grow(n)
	}
}

//go:norace
//go:noinline
func (e *Encoder) grow(n int) {
	size := 2 * e.size
	if size < firstBuffer {
		size = firstBuffer
	}
	for size < e.n+n {
		size *= 2
	}
	grown := newMemory(size)
	if e.n > 0 {
		copyBytes(unsafe.Slice((*byte)(grown.base), size), e.record(0))
	}
	e.free()
	e.memory = grown
	e.room = e.limit
	if e.size < e.limit {
		e.room = e.size
	}
}

// next returns room for the n bytes of a value. When the record is full it
// writes TagCut in their place and returns nil.
//
//go:norace
func (e *Encoder) next(n int) []byte {
	if e.n+n > e.room && !e.extend(n) {
		return nil
	}
	at := e.n
	e.n += n
	return unsafe.Slice((*byte)(unsafe.Add(e.base, at)), n)
}

// extend makes room for n bytes that reach beyond room. When the record is full
// it writes TagCut in their place and returns false: every value stays countable.
//
//go:norace
//go:noinline
func (e *Encoder) extend(n int) bool {
	if e.n+n <= e.limit {
		e.reserve(n)
		return true
	}
	e.owner.frames[len(e.owner.frames)-1].cut = true
	e.reserve(1)
	*(*byte)(unsafe.Add(e.base, e.n)) = byte(wire.TagCut)
	e.n++
	return false
}

//go:norace
func (e *Encoder) append(text string) {
	if len(text) == 0 {
		return
	}
	e.reserve(len(text))
	copyString(unsafe.Slice((*byte)(unsafe.Add(e.base, e.n)), len(text)), text)
	e.n += len(text)
}

//go:norace
func (e *Encoder) appendBytes(text []byte) {
	if len(text) == 0 {
		return
	}
	e.reserve(len(text))
	copyBytes(unsafe.Slice((*byte)(unsafe.Add(e.base, e.n)), len(text)), text)
	e.n += len(text)
}

// pad fills the record that starts at an offset up to a multiple of RecordAlign.
//
//go:norace
func (e *Encoder) pad(start int) {
	size := e.n - start
	end := start + (size+wire.RecordAlign-1)&^(wire.RecordAlign-1)
	e.reserve(wire.RecordAlign)
	*(*[wire.RecordAlign]byte)(unsafe.Add(e.base, e.n)) = [wire.RecordAlign]byte{}
	e.n = end
}

// tag writes a value that is its tag alone.
//
//go:norace
func (e *Encoder) tag(t wire.Tag) {
	if e.n+1 > e.room && !e.extend(1) {
		return
	}
	*(*byte)(unsafe.Add(e.base, e.n)) = byte(t)
	e.n++
}

// word writes a value of eight bytes.
//
//go:norace
func (e *Encoder) word(t wire.Tag, v uint64) {
	if e.n+9 > e.room && !e.extend(9) {
		return
	}
	p := (*[9]byte)(unsafe.Add(e.base, e.n))
	p[0] = byte(t)
	binary.LittleEndian.PutUint64(p[1:], v)
	e.n += 9
}

// pair writes a tag and two u32.
//
//go:norace
func (e *Encoder) pair(t wire.Tag, x, y uint32) bool {
	b := e.next(9)
	if b == nil {
		return false
	}
	b[0] = byte(t)
	binary.LittleEndian.PutUint32(b[1:], x)
	binary.LittleEndian.PutUint32(b[5:], y)
	return true
}

// Nil writes nil.
//
//go:norace
func (e *Encoder) Nil() { e.tag(wire.TagNil) }

// Bool writes a bool.
//
//go:norace
func (e *Encoder) Bool(v bool) {
	if v {
		e.tag(wire.TagTrue)
	} else {
		e.tag(wire.TagFalse)
	}
}

// Int writes a signed integer.
//
//go:norace
func (e *Encoder) Int(v int64) { e.word(wire.TagInt, uint64(v)) }

// Uint writes an unsigned integer.
//
//go:norace
func (e *Encoder) Uint(v uint64) { e.word(wire.TagUint, v) }

// Float32 writes a float32.
//
//go:norace
func (e *Encoder) Float32(v float32) { e.word(wire.TagFloat32, math.Float64bits(float64(v))) }

// Float64 writes a float64.
//
//go:norace
func (e *Encoder) Float64(v float64) { e.word(wire.TagFloat64, math.Float64bits(v)) }

// Complex writes a complex number.
//
//go:norace
func (e *Encoder) Complex(v complex128) {
	if b := e.next(17); b != nil {
		b[0] = byte(wire.TagComplex)
		binary.LittleEndian.PutUint64(b[1:], math.Float64bits(real(v)))
		binary.LittleEndian.PutUint64(b[9:], math.Float64bits(imag(v)))
	}
}

// String writes a string, cut at the site's limit.
//
//go:norace
func (e *Encoder) String(v string) { e.text(wire.TagString, v) }

// Text writes what a method of a value returned.
//
//go:norace
func (e *Encoder) Text(v string) { e.text(wire.TagText, v) }

//go:norace
func (e *Encoder) text(t wire.Tag, v string) {
	if hasMask() {
		v = e.owner.maskedText(v)
	}
	kept := len(v)
	if kept > e.maxBytes {
		kept = e.maxBytes
	}
	if e.n+9+kept > e.room && !e.extend(9+kept) {
		return
	}
	p := (*[9]byte)(unsafe.Add(e.base, e.n))
	p[0] = byte(t)
	binary.LittleEndian.PutUint32(p[1:], uint32(kept))
	binary.LittleEndian.PutUint32(p[5:], length(len(v)))
	copyString(unsafe.Slice((*byte)(unsafe.Add(e.base, e.n+9)), kept), v[:kept])
	e.n += 9 + kept
}

// Bytes writes a []byte, cut at the site's limit.
//
//go:norace
func (e *Encoder) Bytes(v []byte) {
	if v == nil {
		e.tag(wire.TagNil)
		return
	}
	if hasMask() {
		v = []byte(e.owner.maskedText(string(v)))
	}
	kept := len(v)
	if kept > e.maxBytes {
		kept = e.maxBytes
	}
	if b := e.cuttable(wire.TagBytes, kept, len(v)); b != nil {
		copyBytes(b, v[:kept])
	}
}

// cuttable writes the head of a text of n bytes and returns room for those kept.
//
//go:norace
func (e *Encoder) cuttable(t wire.Tag, kept, n int) []byte {
	b := e.next(9 + kept)
	if b == nil {
		return nil
	}
	b[0] = byte(t)
	binary.LittleEndian.PutUint32(b[1:], uint32(kept))
	binary.LittleEndian.PutUint32(b[5:], length(n))
	return b[9:]
}

// length is n as a u32.
//
//go:norace
func length(n int) uint32 {
	if uint64(n) > math.MaxUint32 {
		return math.MaxUint32
	}
	return uint32(n)
}

// Time writes a time with its zone's offset.
//
//go:norace
func (e *Encoder) Time(v time.Time) {
	if b := e.next(17); b != nil {
		_, offset := v.Zone()
		b[0] = byte(wire.TagTime)
		binary.LittleEndian.PutUint64(b[1:], uint64(v.Unix()))
		binary.LittleEndian.PutUint32(b[9:], uint32(v.Nanosecond()))
		binary.LittleEndian.PutUint32(b[13:], uint32(int32(offset)))
	}
}

// Duration writes a duration.
//
//go:norace
func (e *Encoder) Duration(v time.Duration) { e.word(wire.TagDuration, uint64(v)) }

// Masked writes "***".
//
//go:norace
func (e *Encoder) Masked() { e.tag(wire.TagMasked) }

// Cut writes that something stood here that is not recorded.
//
//go:norace
func (e *Encoder) Cut() { e.tag(wire.TagCut) }

// Pointer writes the address of something that is not opened.
//
//go:norace
func (e *Encoder) Pointer(p unsafe.Pointer) {
	if p == nil {
		e.tag(wire.TagNil)
		return
	}
	e.word(wire.TagPointer, uint64(uintptr(p)))
}

// Func writes a func: that it is one.
//
//go:norace
func (e *Encoder) Func(isNil bool) {
	if isNil {
		e.tag(wire.TagNil)
	} else {
		e.tag(wire.TagFunc)
	}
}

// Chan writes a channel: how many values it holds and can hold.
//
//go:norace
func (e *Encoder) Chan(isNil bool, len, cap int) {
	if isNil {
		e.tag(wire.TagNil)
		return
	}
	e.pair(wire.TagChan, length(len), length(cap))
}

// MapLen writes a map that is not opened.
//
//go:norace
func (e *Encoder) MapLen(isNil bool, n int) {
	if isNil {
		e.tag(wire.TagNil)
		return
	}
	if b := e.next(5); b != nil {
		b[0] = byte(wire.TagMapLen)
		binary.LittleEndian.PutUint32(b[1:], length(n))
	}
}
