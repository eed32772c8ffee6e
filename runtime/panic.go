package runtime

import (
	"bytes"
	"reflect"
	goruntime "runtime"
	"strconv"
	"unsafe"
)

// exit is how a function was left.
type exit uint8

const (
	byReturn exit = iota
	byPanic
	byGoexit
)

// leftBy tells how a function was left, from within a deferred call of it: who
// called the deferred function knows. Go does so in gopanic, in Goexit, or on
// the way of a normal return, also one after recover. The closures that the
// compiler may put in between are left out of a traceback. skip says where the
// caller of the deferred function stands, 1 when that function calls leftBy.
//
//go:norace
func leftBy(skip int) exit {
	var pcs [1]uintptr
	if goruntime.Callers(skip+2, pcs[:]) == 0 {
		return byReturn
	}
	frame, _ := goruntime.CallersFrames(pcs[:]).Next()
	switch frame.Function {
	case "runtime.gopanic":
		return byPanic
	case "runtime.Goexit":
		return byGoexit
	}
	return byReturn
}

// unreadable stands for a panic's value where it cannot be had without recover.
const unreadable = "(value not readable on this platform)"

// panicText is the text of a panic's value, as a crash would print it.
//
//go:norace
func (g *goroutine) panicText(v any) string {
	switch v := v.(type) {
	case error:
		text, _ := g.errorText(v)
		return text
	case interface{ String() string }:
		text, _ := g.stringerText(v)
		return text
	}
	return plainText(v)
}

// plainText is the text of a value without calling its methods.
func plainText(v any) string {
	if v == nil {
		return "nil"
	}
	r := reflect.ValueOf(v)
	var text string
	switch r.Kind() {
	case reflect.Bool:
		text = strconv.FormatBool(r.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		text = strconv.FormatInt(r.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		text = strconv.FormatUint(r.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		text = strconv.FormatFloat(r.Float(), 'g', -1, r.Type().Bits())
	case reflect.Complex64, reflect.Complex128:
		text = strconv.FormatComplex(r.Complex(), 'g', -1, r.Type().Bits())
	case reflect.String:
		if text = r.String(); r.Type().PkgPath() != "" {
			text = strconv.Quote(text)
		}
	default:
		return "(" + r.Type().String() + ") {...}"
	}
	if r.Type().PkgPath() != "" {
		return r.Type().String() + "(" + text + ")"
	}
	return text
}

// maxStack is how many bytes of a panic's stack a record keeps.
const maxStack = 8 << 10

// stackText returns the stack of the running goroutine, which panics, from the
// frame that panicked on.
func stackText() []byte {
	text := make([]byte, 4*maxStack)
	text = text[:goruntime.Stack(text, false)]
	if text = trimStack(text); len(text) > maxStack {
		text = text[:maxStack]
	}
	return text
}

// trimStack takes the frames above the one that panicked out of a stack dump:
// the recorder's, the deferred function's, panic itself and what of Go's
// runtime led to it.
func trimStack(text []byte) []byte {
	head, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok {
		return text
	}
	at := bytes.Index(rest, []byte("\npanic("))
	if bytes.HasPrefix(rest, []byte("panic(")) {
		at = -1
	} else if at < 0 {
		return text
	}
	rest = afterFrame(rest[at+1:])
	for bytes.HasPrefix(rest, []byte("runtime.")) {
		rest = afterFrame(rest)
	}
	return append(append(head[:len(head):len(head)], '\n'), rest...)
}

// afterFrame returns the dump behind its first frame, which has two lines.
func afterFrame(dump []byte) []byte {
	for i := 0; i < 2; i++ {
		_, dump, _ = bytes.Cut(dump, []byte("\n"))
	}
	return dump
}

// sameInterface tells whether two interfaces hold the same value by identity:
// comparing them may panic.
//
//go:norace
func sameInterface[T any](a, b T) bool {
	return *(*[2]uintptr)(unsafe.Pointer(&a)) == *(*[2]uintptr)(unsafe.Pointer(&b))
}
