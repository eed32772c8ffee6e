package monitortest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink/control"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// Call is one recorded call.
type Call struct {
	Process   string // the name shown: desk.(*Desk).Price, or what name= says
	Name      string // (*Desk).Price
	Package   string // import path
	Start     time.Time
	Duration  time.Duration // 0 for a call that its sample left out and that failed
	Depth     int           // 0 for a root
	Goroutine uint64
	Err       string // text of the error that it returned, or of its panic; "" for none
	Panicked  bool

	id, parent uint64
	all        *[]Call
	values     []value
}

// value is an argument or a result.
type value struct {
	name   string
	output bool
	json   json.RawMessage
}

// Calls are some of the calls of a recording, in the order in which they began.
type Calls []Call

func compareStarts(a, b *spool.Call) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.ID, b.ID))
}

func newCalls(read []spool.Call) Calls {
	calls := make([]Call, len(read))
	for i := range read {
		c := &read[i]
		calls[i] = Call{
			Process: c.Function.Process, Name: c.Function.Name, Package: c.Function.Package,
			Start: time.Unix(0, c.Start), Duration: time.Duration(c.Duration), Depth: int(c.Depth), Goroutine: c.Goroutine,
			id: c.ID, parent: c.Parent, all: &calls,
		}
		if c.Failed() {
			calls[i].Err = c.Exception
			calls[i].Panicked = strings.HasPrefix(c.Exception, "panic: ")
		}
		var values []json.RawMessage
		json.Unmarshal([]byte(c.Data), &values) // of a reader that makes JSON
		for j, v := range values {
			if j < len(c.Function.Data) {
				d := c.Function.Data[j]
				calls[i].values = append(calls[i].values, value{d.Name, d.Output, v})
			}
		}
	}
	return calls
}

// Of returns the calls of a function: by its process, its name, its name with
// the package's path, or a pattern with * for any text, of one of these.
func (c Calls) Of(function string) Calls {
	return c.where(func(call *Call) bool { return control.Matches(function, call.Process, call.Package, call.Name) })
}

// Failed returns those that returned an error or panicked.
func (c Calls) Failed() Calls { return c.where(func(call *Call) bool { return call.Err != "" }) }

// With returns those whose argument of that name has that text, see Call.Arg.
func (c Calls) With(argument, text string) Calls {
	return c.where(func(call *Call) bool { return call.has(argument, false) && call.Arg(argument) == text })
}

func (c Calls) where(takes func(*Call) bool) Calls {
	var some Calls
	for i := range c {
		if takes(&c[i]) {
			some = append(some, c[i])
		}
	}
	return some
}

// Len is how many there are.
func (c Calls) Len() int { return len(c) }

// One returns the only call, and ends the test when there is none, or another one.
func (c Calls) One(t testing.TB) Call {
	t.Helper()
	if len(c) != 1 {
		t.Fatalf("monitortest: %d calls, want one\n%s", len(c), c)
	}
	return c[0]
}

// String has a line for each call, indented by its depth.
func (c Calls) String() string {
	var text strings.Builder
	for i := range c {
		fmt.Fprintf(&text, "%s%s\n", strings.Repeat("  ", c[i].Depth), c[i])
	}
	return text.String()
}

// Children returns the calls that this call has made itself, those of goroutines
// that it started included.
func (c Call) Children() Calls {
	return Calls(*c.all).where(func(call *Call) bool { return call.parent == c.id })
}

// Below returns the calls that this call and those below it have made.
func (c Call) Below() Calls {
	within := map[uint64]bool{c.id: true}
	return Calls(*c.all).where(func(call *Call) bool { // callers begin before those that they call
		if within[call.parent] {
			within[call.id] = true
		}
		return within[call.id] && call.id != c.id
	})
}

// Parent returns the call that made this one; false when nobody did, or that one
// has not ended or was not recorded.
func (c Call) Parent() (Call, bool) {
	for _, call := range *c.all {
		if call.id == c.parent {
			return call, true
		}
	}
	return Call{}, false
}

// Arg returns the text of an argument: strings as they are, nil for nil, *** for
// what is masked, JSON for structs and lists, as the view data_trace has it. ""
// is returned for one that was not recorded, too.
func (c Call) Arg(name string) string { return c.text(name, false) }

// Result returns the text of a result. Results without a name are r0, r1.
func (c Call) Result(name string) string { return c.text(name, true) }

// Unmarshal stores the JSON of an argument, or of a result, in what v points at. A
// value that a limit cut does not have the form of its type.
func (c Call) Unmarshal(name string, v any) error {
	for _, output := range []bool{false, true} {
		if found := c.find(name, output); found != nil {
			return json.Unmarshal(found.json, v)
		}
	}
	return fmt.Errorf("%s has no value %s", c.Process, name)
}

func (c Call) has(name string, output bool) bool { return c.find(name, output) != nil }

func (c Call) find(name string, output bool) *value {
	for i := range c.values {
		if v := &c.values[i]; v.name == name && v.output == output {
			return v
		}
	}
	return nil
}

func (c Call) text(name string, output bool) string {
	if v := c.find(name, output); v != nil {
		return v.text()
	}
	return ""
}

func (v *value) text() string {
	text := v.json
	var dynamic struct {
		Value json.RawMessage `json:"$value"`
	}
	if bytes.HasPrefix(text, []byte(`{"$type"`)) && json.Unmarshal(text, &dynamic) == nil && dynamic.Value != nil {
		text = dynamic.Value
	}
	var unquoted string
	switch {
	case string(text) == "null":
		return "nil"
	case json.Unmarshal(text, &unquoted) == nil:
		return unquoted
	}
	return string(text)
}

// String shows the call as source would.
func (c Call) String() string {
	var in, out []string
	for i := range c.values {
		v := &c.values[i]
		text := v.name + "=" + v.text()
		if v.output {
			out = append(out, text)
		} else {
			in = append(in, text)
		}
	}
	text := c.Process + "(" + strings.Join(in, ", ") + ")"
	switch {
	case c.Panicked:
		first, _, _ := strings.Cut(c.Err, "\n")
		return text + " " + first
	case len(out) > 0:
		text += " = (" + strings.Join(out, ", ") + ")"
	}
	if c.Err != "" {
		text += " error: " + c.Err
	}
	return text
}
