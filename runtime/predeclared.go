package runtime

import "reflect"

// Names for what Go declares itself, for generated code in a package that
// declares something else by that name.
type (
	Bool       = bool
	Int64      = int64
	Uint64     = uint64
	Float32    = float32
	Float64    = float64
	Complex128 = complex128
	String     = string
	Byte       = byte
)

// False is false. For generated code.
const False = false

// Len is len of a string, slice, array, map or channel, 0 for anything else. It
// costs an allocation. For generated code.
func Len(v interface{}) int {
	if r := reflect.ValueOf(v); hasLength(r) {
		return r.Len()
	}
	return 0
}

// Cap is cap of a slice, array or channel, 0 for anything else. It costs an
// allocation. For generated code.
func Cap(v interface{}) int {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice, reflect.Array, reflect.Chan:
		return r.Cap()
	}
	return 0
}

func hasLength(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Array, reflect.Map, reflect.Chan:
		return true
	}
	return false
}

// Zero tells whether p points at the zero value of its type, which for an error
// that is a struct or a type parameter says that there is none. p does not
// escape. For generated code.
//
//go:norace
func Zero(p interface{}) bool { return reflect.ValueOf(hide(p)).Elem().IsZero() }
