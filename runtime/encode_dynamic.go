package runtime

import (
	"encoding/binary"
	"reflect"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Error writes the text of an error, which its method gives under guard.
//
//go:norace
func (e *Encoder) Error(err error) {
	if err == nil {
		e.tag(wire.TagNil)
		return
	}
	if end := &e.owner.ending; end.err != nil && sameInterface(end.err, err) {
		e.methodText(end.text, end.asked) // Fail has it already
		return
	}
	text, ok := e.owner.errorText(err)
	e.methodText(text, ok)
}

// Stringer writes the text of a value, which its method gives under guard.
//
//go:norace
func (e *Encoder) Stringer(v interface{ String() string }) {
	if v == nil {
		e.tag(wire.TagNil)
		return
	}
	text, ok := e.owner.stringerText(v)
	e.methodText(text, ok)
}

// Marshaler writes the text of a value, which its method gives under guard.
//
//go:norace
func (e *Encoder) Marshaler(v interface{ MarshalText() ([]byte, error) }) {
	text, ok := e.owner.marshalledText(v)
	e.methodText(text, ok)
}

// SharedStringer is Stringer for a value that leads to what others may write:
// its method would be one more reader for the race detector.
//
//go:norace
func (e *Encoder) SharedStringer(v interface{ String() string }) {
	if underRace {
		e.Opaque(reflect.TypeOf(v).String())
		return
	}
	e.Stringer(v)
}

// SharedMarshaler is to Marshaler what SharedStringer is to Stringer.
//
//go:norace
func (e *Encoder) SharedMarshaler(v interface{ MarshalText() ([]byte, error) }) {
	if underRace {
		e.Opaque(reflect.TypeOf(v).String())
		return
	}
	e.Marshaler(v)
}

//go:norace
func (e *Encoder) methodText(text string, ok bool) {
	if ok {
		e.text(wire.TagText, text)
		return
	}
	if hasMask() {
		text = e.owner.maskedText(text)
	}
	e.named(wire.TagMethodBad, text)
}

// named writes a tag and a short text that is not cut.
//
//go:norace
func (e *Encoder) named(t wire.Tag, text string) bool {
	b := e.next(5 + len(text))
	if b == nil {
		return false
	}
	b[0] = byte(t)
	binary.LittleEndian.PutUint32(b[1:], uint32(len(text)))
	copyString(b[5:], text)
	return true
}

// Opaque writes a value of which the type alone is recorded.
//
//go:norace
func (e *Encoder) Opaque(typeName string) {
	if e.named(wire.TagDynamic, typeName) {
		e.tag(wire.TagOpaque)
	}
}

// Dynamic writes the name of the type that a value of unknown type has; when it
// returns true the value follows. For generated code.
//
//go:norace
func (e *Encoder) Dynamic(typeName string) bool { return e.named(wire.TagDynamic, typeName) }

// Any writes a value of unknown type: plain values and errors with the name of
// their type, of all others the name alone. v does not escape.
//
//go:norace
func (e *Encoder) Any(v any) {
	switch v := hide(v).(type) {
	case nil:
		e.tag(wire.TagNil)
	case bool:
		if e.named(wire.TagDynamic, "bool") {
			e.Bool(v)
		}
	case int:
		e.dynamicInt("int", int64(v))
	case int8:
		e.dynamicInt("int8", int64(v))
	case int16:
		e.dynamicInt("int16", int64(v))
	case int32:
		e.dynamicInt("int32", int64(v))
	case int64:
		e.dynamicInt("int64", v)
	case uint:
		e.dynamicUint("uint", uint64(v))
	case uint8:
		e.dynamicUint("uint8", uint64(v))
	case uint16:
		e.dynamicUint("uint16", uint64(v))
	case uint32:
		e.dynamicUint("uint32", uint64(v))
	case uint64:
		e.dynamicUint("uint64", v)
	case uintptr:
		e.dynamicUint("uintptr", uint64(v))
	case float32:
		if e.named(wire.TagDynamic, "float32") {
			e.Float32(v)
		}
	case float64:
		if e.named(wire.TagDynamic, "float64") {
			e.Float64(v)
		}
	case complex64:
		if e.named(wire.TagDynamic, "complex64") {
			e.Complex(complex128(v))
		}
	case complex128:
		if e.named(wire.TagDynamic, "complex128") {
			e.Complex(v)
		}
	case string:
		if e.named(wire.TagDynamic, "string") {
			e.String(v)
		}
	case []byte:
		if e.named(wire.TagDynamic, "[]uint8") {
			e.Bytes(v)
		}
	case time.Time:
		if e.named(wire.TagDynamic, "time.Time") {
			e.Time(v)
		}
	case time.Duration:
		if e.named(wire.TagDynamic, "time.Duration") {
			e.Duration(v)
		}
	case error:
		e.dynamicError(v)
	default:
		e.Opaque(reflect.TypeOf(v).String())
	}
}

//go:norace
func (e *Encoder) dynamicInt(name string, v int64) {
	if e.named(wire.TagDynamic, name) {
		e.Int(v)
	}
}

//go:norace
func (e *Encoder) dynamicUint(name string, v uint64) {
	if e.named(wire.TagDynamic, name) {
		e.Uint(v)
	}
}

// dynamicError writes an error that Any met. The compiler does not know that
// its method is called, so one that is on the stack is not asked: the method
// might keep it.
//
//go:norace
func (e *Encoder) dynamicError(err error) {
	name := reflect.TypeOf(err).String()
	if onStack(err) {
		if text, known := plainErrorText(err); !known {
			e.Opaque(name)
		} else if e.named(wire.TagDynamic, name) {
			e.Text(text)
		}
		return
	}
	if e.named(wire.TagDynamic, name) {
		e.Error(err)
	}
}
