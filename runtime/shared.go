package runtime

import (
	"reflect"
	"runtime/debug"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// What a value points at may be written while it is read here: the recorder
// takes no lock of the program's. So what generated code reads through a pointer
// or in a slice
//
//   - it reads once, into a variable of its own, and what has two words or three
//     (strings, slices, interfaces) is compared with its place again;
//   - it reads under a Guard: should the length of one string have met the
//     address of another all the same, the fault, if there is one, ends the
//     recording of these values and nothing else;
//   - of that it calls no method.

// Guard stands around the encoding of values that are read where others may
// write. For generated code.
type Guard struct {
	e      *Encoder
	start  int
	values int
	faults bool // what SetPanicOnFault was
}

// Guard begins the reading of that many values; the Guard's End has to be
// deferred. For generated code.
//
//go:norace
func (e *Encoder) Guard(values int) Guard {
	return Guard{e: e, start: e.n, values: values, faults: debug.SetPanicOnFault(true)}
}

// End ends it. After a fault each of the values is TagCut. For generated code.
//
//go:norace
func (g Guard) End() {
	debug.SetPanicOnFault(g.faults)
	if recover() == nil {
		return
	}
	g.e.n = g.start
	for i := 0; i < g.values; i++ {
		g.e.tag(wire.TagCut)
	}
}

// StringAt writes the string at p, which others may write. For generated code.
//
//go:norace
func (e *Encoder) StringAt(p *string) {
	v := *p
	if e.Whole(unsafe.Pointer(p), unsafe.Pointer(&v), unsafe.Sizeof(v)) {
		e.String(v)
	}
}

// Whole tells whether what was read from p, of a few words, is there still. When
// it is not, Whole writes TagCut. For generated code.
//
//go:norace
//go:noinline
func (e *Encoder) Whole(p, read unsafe.Pointer, size uintptr) bool {
	const word = unsafe.Sizeof(uintptr(0))
	same := true
	switch size {
	case 2 * word:
		same = *(*[2]uintptr)(p) == *(*[2]uintptr)(read)
	case 3 * word:
		same = *(*[3]uintptr)(p) == *(*[3]uintptr)(read)
	}
	if !same {
		e.tag(wire.TagCut)
	}
	return same
}

// AnyShared writes a value of unknown type that was read where others may write:
// as Any does, but that it calls no method. For generated code.
//
//go:norace
func (e *Encoder) AnyShared(v any) {
	err, ok := hide(v).(error)
	if !ok {
		e.Any(v)
		return
	}
	name := reflect.TypeOf(err).String()
	text, known := plainErrorText(err)
	if !known {
		e.Opaque(name)
		return
	}
	if e.named(wire.TagDynamic, name) {
		e.Text(text)
	}
}

// plainErrors are the errors of the standard library whose text is a string in
// their first field, never written again.
var plainErrors = map[string]bool{"*errors.errorString": true, "*fmt.wrapError": true, "*fmt.wrapErrors": true}

// plainErrorText returns the text of an error that only holds one, without
// calling its method.
//
//go:norace
func plainErrorText(err error) (text string, ok bool) {
	t := reflect.TypeOf(err)
	if t.Kind() != reflect.Pointer || !plainErrors[t.String()] {
		return "", false
	}
	if path := t.Elem().PkgPath(); path != "errors" && path != "fmt" {
		return "", false
	}
	if s := t.Elem(); s.Kind() != reflect.Struct || s.NumField() == 0 || s.Field(0).Type.Kind() != reflect.String {
		return "", false
	}
	p := (*[2]unsafe.Pointer)(unsafe.Pointer(&err))[1]
	if p == nil {
		return "", false
	}
	return *(*string)(p), true
}
