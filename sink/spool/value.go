package spool

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
)

const (
	// maxDepth bounds how deep values nest; the writer's own limit is far lower.
	maxDepth = 64
	// maxText bounds the JSON text of one call: names of struct fields come from
	// the description and may make much of little.
	maxText = 4 << 20
)

const hexDigits = "0123456789abcdef"

// valueReader turns tagged values into JSON text, appended to out.
type valueReader struct {
	cursor
	types []manifest.Type
	out   []byte
	err   error
}

// fail notes the first error; all that follows sees no more bytes.
func (r *valueReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.bad, r.b = true, nil
}

func (r *valueReader) raw(s string) { r.out = append(r.out, s...) }

// value appends the next value.
func (r *valueReader) value(depth int) {
	if depth > maxDepth {
		r.fail("values nested deeper than %d", maxDepth)
		return
	}
	if len(r.out) > maxText {
		r.fail("values of more than %d bytes of text", maxText)
		return
	}
	switch tag := wire.Tag(r.u8()); tag {
	case wire.TagNil:
		r.raw("null")
	case wire.TagFalse:
		r.raw("false")
	case wire.TagTrue:
		r.raw("true")
	case wire.TagInt:
		r.out = strconv.AppendInt(r.out, int64(r.u64()), 10)
	case wire.TagUint:
		r.uint(r.u64())
	case wire.TagFloat32:
		r.out = appendFloat(r.out, r.f64(), 32)
	case wire.TagFloat64:
		r.out = appendFloat(r.out, r.f64(), 64)
	case wire.TagComplex:
		re, im := r.f64(), r.f64()
		r.raw(`"`)
		r.raw(strconv.FormatComplex(complex(re, im), 'g', -1, 128))
		r.raw(`"`)
	case wire.TagString, wire.TagText:
		kept, full := r.cuttable()
		r.text(kept, full)
	case wire.TagBytes:
		kept, full := r.cuttable()
		r.bytes(kept, full)
	case wire.TagTime:
		r.time()
	case wire.TagDuration:
		r.raw(`"`)
		r.raw(time.Duration(r.u64()).String())
		r.raw(`"`)
	case wire.TagStruct:
		r.structure(depth)
	case wire.TagList:
		r.list(depth)
	case wire.TagMapLen:
		r.raw(`"map len `)
		r.out = strconv.AppendUint(r.out, uint64(r.u32()), 10)
		r.raw(`"`)
	case wire.TagMap:
		r.mapping(depth)
	case wire.TagPointer:
		r.raw(`"0x`)
		r.out = strconv.AppendUint(r.out, r.u64(), 16)
		r.raw(`"`)
	case wire.TagPointee:
		r.value(depth + 1)
	case wire.TagFunc:
		r.raw(`"func"`)
	case wire.TagChan:
		r.raw(`"chan `)
		r.out = strconv.AppendUint(r.out, uint64(r.u32()), 10)
		r.raw("/")
		r.out = strconv.AppendUint(r.out, uint64(r.u32()), 10)
		r.raw(`"`)
	case wire.TagMasked:
		r.raw(`"***"`)
	case wire.TagCut:
		r.raw(`"…"`)
	case wire.TagCycle:
		r.raw(`"(cycle)"`)
	case wire.TagDynamic:
		r.dynamic(depth)
	case wire.TagOpaque:
		r.raw(`"(opaque)"`)
	case wire.TagSummary:
		r.summary()
	case wire.TagMethodBad:
		r.raw(`"(panicked: `)
		r.out = appendEscaped(r.out, r.cursor.text())
		r.raw(`)"`)
	default:
		if !r.bad {
			r.fail("a value of kind %d", tag)
		}
	}
	if r.bad && r.err == nil {
		r.err = fmt.Errorf("value: %w", errShort)
	}
}

func (r *valueReader) f64() float64 { return math.Float64frombits(r.u64()) }

// uint keeps numbers beyond the range of SQL integers exact, as text.
func (r *valueReader) uint(v uint64) {
	if v > math.MaxInt64 {
		r.raw(`"`)
		r.out = strconv.AppendUint(r.out, v, 10)
		r.raw(`"`)
		return
	}
	r.out = strconv.AppendUint(r.out, v, 10)
}

// cuttable is u32 kept, u32 full length, kept bytes.
func (r *valueReader) cuttable() (kept []byte, full uint32) {
	n := r.u32()
	full = r.u32()
	if full < n || uint64(n) > uint64(len(r.b)) {
		r.fail("a text of %d of %d bytes", n, full)
		return nil, 0
	}
	return r.take(int(n)), full
}

func (r *valueReader) text(kept []byte, full uint32) {
	kept = wholeRunes(kept, full)
	r.raw(`"`)
	r.out = appendEscaped(r.out, kept)
	r.cutMark(kept, full)
	r.raw(`"`)
}

func (r *valueReader) bytes(kept []byte, full uint32) {
	if whole := wholeRunes(kept, full); printable(whole) {
		r.text(whole, full)
		return
	}
	r.raw(`"0x`)
	for _, b := range kept {
		r.out = append(r.out, hexDigits[b>>4], hexDigits[b&15])
	}
	r.cutMark(kept, full)
	r.raw(`"`)
}

func (r *valueReader) cutMark(kept []byte, full uint32) {
	if left := uint64(full) - uint64(len(kept)); left > 0 {
		r.raw("…(+")
		r.out = strconv.AppendUint(r.out, left, 10)
		r.raw(" bytes)")
	}
}

// wholeRunes takes the first bytes of a rune off the end of a cut text.
func wholeRunes(kept []byte, full uint32) []byte {
	if uint64(len(kept)) == uint64(full) {
		return kept
	}
	for back := 1; back < utf8.UTFMax && back <= len(kept); back++ {
		tail := kept[len(kept)-back:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return kept[:len(kept)-back]
			}
			break
		}
	}
	return kept
}

func printable(b []byte) bool {
	for len(b) > 0 {
		c, size := utf8.DecodeRune(b)
		if c == utf8.RuneError && size <= 1 || !unicode.IsPrint(c) && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
		b = b[size:]
	}
	return true
}

func (r *valueReader) time() {
	seconds, nanos, offset := int64(r.u64()), r.u32(), int32(r.u32())
	if nanos >= 1e9 {
		r.fail("a time with %d nanoseconds", nanos)
		return
	}
	t := time.Unix(seconds, int64(nanos)).UTC()
	if offset != 0 {
		t = t.In(time.FixedZone("", int(offset)))
	}
	r.raw(`"`)
	r.out = t.AppendFormat(r.out, time.RFC3339Nano)
	r.raw(`"`)
}

func (r *valueReader) structure(depth int) {
	number, fields := r.u32(), r.count()
	if r.bad || uint64(number) >= uint64(len(r.types)) || fields > len(r.types[number].Fields) {
		r.fail("a struct of unknown type %d with %d fields", number, fields)
		return
	}
	names := r.types[number].Fields
	r.raw("{")
	for i := 0; i < fields && r.err == nil; i++ {
		if i > 0 {
			r.raw(",")
		}
		if len(r.out)+len(names[i]) > maxText {
			r.fail("values of more than %d bytes of text", maxText)
			return
		}
		r.raw(`"`)
		r.out = appendEscapedString(r.out, names[i])
		r.raw(`":`)
		r.value(depth + 1)
	}
	if left := len(names) - fields; left > 0 {
		if fields > 0 {
			r.raw(",")
		}
		r.moreMark(`"…":`, uint64(left))
	}
	r.raw("}")
}

// moreMark says that n elements are not here.
func (r *valueReader) moreMark(before string, n uint64) {
	r.raw(before)
	r.raw(`"…(+`)
	r.out = strconv.AppendUint(r.out, n, 10)
	r.raw(`)"`)
}

// kept is u32 kept, u32 full length of a collection.
func (r *valueReader) kept() (n int, left uint64) {
	k, full := r.u32(), r.u32()
	if r.bad || full < k || uint64(k) > uint64(len(r.b)) {
		r.fail("a collection of %d of %d elements", k, full)
		return 0, 0
	}
	return int(k), uint64(full - k)
}

func (r *valueReader) list(depth int) {
	n, left := r.kept()
	r.raw("[")
	for i := 0; i < n && r.err == nil; i++ {
		if i > 0 {
			r.raw(",")
		}
		r.value(depth + 1)
	}
	if left > 0 {
		if n > 0 {
			r.raw(",")
		}
		r.moreMark("", left)
	}
	r.raw("]")
}

func (r *valueReader) mapping(depth int) {
	n, left := r.kept()
	r.raw("{")
	for i := 0; i < n && r.err == nil; i++ {
		if i > 0 {
			r.raw(",")
		}
		r.key(depth + 1)
		r.raw(":")
		r.value(depth + 1)
	}
	if left > 0 {
		if n > 0 {
			r.raw(",")
		}
		r.moreMark(`"…":`, left)
	}
	r.raw("}")
}

// key appends a value as the name of a JSON member: its text.
func (r *valueReader) key(depth int) {
	from := len(r.out)
	r.value(depth)
	if r.err != nil || r.out[from] == '"' {
		return
	}
	text := string(r.out[from:])
	r.out = append(r.out[:from], '"')
	r.out = appendEscapedString(r.out, text)
	r.raw(`"`)
}

func (r *valueReader) dynamic(depth int) {
	name := r.cursor.text()
	if len(r.b) > 0 && wire.Tag(r.b[0]) == wire.TagOpaque {
		r.u8()
		r.raw(`"(`)
		r.out = appendEscaped(r.out, name)
		r.raw(`)"`)
		return
	}
	r.raw(`{"$type":"`)
	r.out = appendEscaped(r.out, name)
	r.raw(`","$value":`)
	r.value(depth + 1)
	r.raw("}")
}

func (r *valueReader) summary() {
	rows, columns := r.u32(), r.u32()
	r.raw(`{"$shape":[`)
	r.out = strconv.AppendUint(r.out, uint64(rows), 10)
	if columns > 0 {
		r.raw(",")
		r.out = strconv.AppendUint(r.out, uint64(columns), 10)
	}
	r.raw("]")
	var numbers [5]float64
	known := false
	for i := range numbers {
		numbers[i] = r.f64()
		known = known || !math.IsNaN(numbers[i])
	}
	for i, name := range [...]string{`,"first":`, `,"last":`, `,"min":`, `,"max":`, `,"mean":`} {
		if known { // else its shape alone is
			r.raw(name)
			r.out = appendFloat(r.out, numbers[i], 64)
		}
	}
	r.raw("}")
}
