package runtime_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// secretive is an error with a secret in its text, and a Stringer.
type secretive struct{}

func (secretive) Error() string  { return "card 4111-1111 refused" }
func (secretive) String() string { return "card 4111-1111" }

// withValues records a call with values that hold the text.
//
//go:noinline
func withValues(key uint64, text string, body func() error) (err error) {
	c := enterValues(key, text)
	defer exit(c, &err)
	return body()
}

//go:norace
func enterValues(key uint64, text string) (c monitor.Call) {
	if e := c.Enter(key, testPackage, "max=8"); e != nil {
		e.String(text)
		e.Bytes([]byte(text))
		e.Stringer(secretive{})
		e.Any(text)
		e.Entered()
	}
	return
}

func TestMask(t *testing.T) {
	key, other := newKey(), newKey()
	hide := func(text string) string {
		record(other, "", 1, nothing) // not recorded
		return strings.ReplaceAll(text, "4111-1111", "#")
	}
	monitor.Mask(hide)
	defer monitor.Mask(nil)
	r := recording(t, monitor.Options{}, func() {
		withValues(key, "card 4111-1111 x", func() error { return secretive{} })
		func() {
			defer func() { recover() }()
			withValues(key, "x", func() error { panic("4111-1111") })
		}()
		func() {
			defer func() { recover() }()
			withValues(key, "x", func() error { panic(secretive{}) })
		}()
		monitor.Mask(func(string) string { panic("no") })
		withValues(key, "4111-1111", func() error { return errors.New("4111-1111") })
		monitor.Mask(nil)
		withValues(key, "4111", nothing)
	})
	if len(r.of(other)) != 0 {
		t.Error("what the mask calls is recorded")
	}
	calls := r.of(key)
	if len(calls) != 5 {
		t.Fatalf("%d calls", len(calls))
	}
	for _, c := range calls {
		if all := c.args + c.results + c.err; strings.Contains(all, "4111-") {
			t.Errorf("a secret is recorded: %q %q %q", c.args, c.results, c.err)
		}
		switch {
		case c.err == "card # refused" && c.flags&wire.FlagPanic == 0:
			if !strings.HasPrefix(c.args, `"card # x" bytes"card # x" text"card #" string:"card # x"`) || c.results != `text"card # r"/14` {
				t.Errorf("%s, %s", c.args, c.results)
			}
		case c.err == "***":
			if c.results != `text"***"` || !strings.HasPrefix(c.args, `"***" bytes"***"`) {
				t.Errorf("%s, %s", c.args, c.results)
			}
		case c.err == "" && !strings.HasPrefix(c.args, `"4111"`):
			t.Errorf("%s", c.args)
		}
	}
}
