package runtime

import (
	"reflect"
	goruntime "runtime"
	"strings"
)

// The methods of users' values run under guard: while one does, calls that it
// makes are not recorded, and when it panics, what it said takes the place of
// its text.

// setBusy is for function literals, which are not marked go:norace where the
// function around them is, nor can be.
//
//go:norace
func (g *goroutine) setBusy(busy bool) { g.busy = busy }

// errorText returns err.Error(), or, with ok false, why there is none.
//
//go:norace
func (g *goroutine) errorText(err error) (text string, ok bool) {
	was := g.busy
	g.busy = true
	defer func() {
		g.setBusy(was)
		if !ok {
			text = "Error panicked: " + badMethod(recover())
		}
	}()
	return err.Error(), true
}

// stringerText returns s.String(), or, with ok false, why there is none.
//
//go:norace
func (g *goroutine) stringerText(s interface{ String() string }) (text string, ok bool) {
	was := g.busy
	g.busy = true
	defer func() {
		g.setBusy(was)
		if !ok {
			text = "String panicked: " + badMethod(recover())
		}
	}()
	return s.String(), true
}

// marshalledText returns what m.MarshalText returns, or, with ok false, why there is none.
//
//go:norace
func (g *goroutine) marshalledText(m interface{ MarshalText() ([]byte, error) }) (text string, ok bool) {
	was := g.busy
	g.busy = true
	done := false
	defer func() {
		g.setBusy(was)
		if !done {
			text = "MarshalText panicked: " + badMethod(recover())
		}
	}()
	b, err := m.MarshalText()
	if text = string(b); err != nil {
		text = "(MarshalText: " + err.Error() + ")"
	}
	done = true
	return text, true
}

// badMethod is the text of what a method panicked with. Only the errors of Go's
// runtime are asked for theirs.
func badMethod(v any) string {
	if err, ok := v.(goruntime.Error); ok && strings.HasPrefix(strings.TrimPrefix(reflect.TypeOf(v).String(), "*"), "runtime.") {
		return err.Error()
	}
	text := plainText(v)
	if len(text) > maxBadMethod {
		text = strings.ToValidUTF8(text[:maxBadMethod], "")
	}
	return text
}

// maxBadMethod bounds what is kept of a method's panic.
const maxBadMethod = 1000
