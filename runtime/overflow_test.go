package runtime_test

import (
	"errors"
	"strings"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// TestOverflow fills the normal lane and goes on: every call is recorded or
// counted as dropped, every error is recorded, and so is a panic of a call
// that was let pass.
func TestOverflow(t *testing.T) {
	root, fails, passes := newKey(), newKey(), newKey()
	const rounds, errorsWanted = 200_000, 200
	r := recording(t, monitor.Options{SpoolMax: 1 << 20}, func() {
		err := record(root, `process="root" fails=true`, 0, func() error {
			for i := range rounds {
				_ = record(passes, `process="passes"`, i, nothing)
				if i%(rounds/errorsWanted) == 0 {
					_ = record(fails, `process="fails" fails=true`, i, func() error { return errNegative })
				}
			}
			func() {
				defer func() { _ = recover() }()
				_ = record(root, `process="root" fails=true`, 1, func() error {
					return record(passes, `process="passes"`, -1, func() error { panic("inside a call that passed") })
				})
			}()
			return errors.New("the root fails too")
		})
		if err == nil {
			t.Error("the root's error is gone")
		}
	})
	if got := len(r.of(fails)); got != errorsWanted {
		t.Errorf("%d errors recorded, want %d", got, errorsWanted)
	}
	recorded := 0
	for _, c := range r.of(passes) {
		if c.args != "-1" {
			recorded++
		}
	}
	if recorded == 0 || recorded == rounds {
		t.Errorf("%d of %d calls are recorded: the lane was never full", recorded, rounds)
	}
	// The call that panics passes too, or not.
	if all := recorded + int(r.drops[passes]); all != rounds && all != rounds+1 {
		t.Errorf("%d calls recorded and %d reported as dropped, of %d", recorded, r.drops[passes], rounds)
	}
	panics := 0
	for _, c := range r.of(root) {
		if strings.Contains(c.err, "inside a call that passed") {
			panics++
			if !strings.Contains(c.stack, "TestOverflow") {
				t.Errorf("the caller of a call that passed has no stack of its panic: %q", c.stack)
			}
		}
	}
	if panics != 1 && !portable { // there the text of a panic is not known
		t.Errorf("%d records of the panic, want 1", panics)
	}
}
