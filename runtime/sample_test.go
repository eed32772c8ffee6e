package runtime_test

import (
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

func TestSampleShare(t *testing.T) {
	const calls = 20_000
	tests := []struct {
		name      string
		options   string
		all       float64 // Options.Sample
		low, high int
	}{
		{"none", "sample=0", 0, 0, 0},
		{"all", "sample=1", 0.1, calls, calls},
		{"quarter", "sample=0.25", 0, calls / 5, calls * 3 / 10},
		{"of all functions", "", 0.25, calls / 5, calls * 3 / 10},
		{"of no function", "", monitor.NoSample, 0, 0},
		{"the directive counts", "sample=0.25", 1, calls / 5, calls * 3 / 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := newKey()
			r := recording(t, monitor.Options{Sample: tt.all}, func() {
				for i := 0; i < calls; i++ {
					record(key, tt.options, i, nothing)
				}
			})
			if n := len(r.of(key)); n < tt.low || n > tt.high {
				t.Errorf("%d of %d calls, want %d to %d", n, calls, tt.low, tt.high)
			}
		})
	}
}

// A trace is kept or left out whole; an error is kept whatever its root is.
func TestSampleOfTrace(t *testing.T) {
	root, child, failing := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		for i := 0; i < 1000; i++ {
			record(root, "sample=0.5", i, func() error {
				record(failing, "", i, func() error { return errNegative })
				return record(child, "", i, nothing)
			})
		}
	})
	roots := make(map[uint64]bool)
	for _, c := range r.of(root) {
		roots[c.id] = true
	}
	if n := len(r.of(child)); n != len(roots) {
		t.Errorf("%d children of %d roots", n, len(roots))
	}
	for _, c := range r.of(child) {
		if !roots[c.parent] {
			t.Fatalf("a child of a root that was left out: %+v", c)
		}
	}
	errs := r.of(failing)
	if len(errs) != 1000 {
		t.Errorf("%d errors, want all 1000", len(errs))
	}
	for _, c := range errs {
		sampled := c.flags == wire.FlagError|wire.FlagSampled && c.args == "" && c.results == ""
		whole := c.flags == wire.FlagError && c.args != "" && c.results != ""
		if roots[c.parent] && !whole || !roots[c.parent] && !sampled || c.err == "" {
			t.Fatalf("root kept %v: %+v", roots[c.parent], c)
		}
	}
}

func TestPanicIsKeptWhenSampledOut(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		defer func() { recover() }()
		record(key, "sample=0", 1, func() error { panic("boom") })
	})
	if c := r.one(t, key); c.flags != wire.FlagError|wire.FlagPanic|wire.FlagSampled || c.err == "" || c.stack == "" || c.args != "" {
		t.Errorf("%+v", c)
	}
}

func TestSlow(t *testing.T) {
	fast, slow, failed := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(fast, "slow=1h", 1, nothing)
		record(failed, "slow=1h", 2, func() error { return errNegative })
		record(slow, "slow=1ms", 3, func() error {
			for start := time.Now(); time.Since(start) < 2*time.Millisecond; {
			}
			return nil
		})
	})
	if n := len(r.of(fast)); n != 0 {
		t.Errorf("%d calls that were not slow", n)
	}
	if c := r.one(t, failed); c.args != "2" || c.results == "" || c.flags != wire.FlagError {
		t.Errorf("%+v", c)
	}
	if c := r.one(t, slow); c.args != "3" || c.results != "nil" {
		t.Errorf("%+v", c)
	}
}

func TestRate(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
			record(key, "rate=10/s", 1, nothing)
		}
	})
	// The calls may meet two seconds of the clock, or one more on a slow machine.
	if n := len(r.of(key)); n < 10 || n%10 != 0 {
		t.Errorf("%d calls, want 10 of each second", n)
	}
}

// Errors that a sample left out are linked to each other: an id is given when
// the first of them needs it.
func TestErrorsOfCallsLeftOut(t *testing.T) {
	outer, middle, inner := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(outer, "sample=0", 1, func() error {
			record(middle, "", 2, nothing)
			return record(middle, "", 2, func() error {
				return record(inner, "", 3, func() error { return errNegative })
			})
		})
	})
	if len(r.of(middle)) != 1 {
		t.Fatalf("%d calls in the middle, want the one that failed", len(r.of(middle)))
	}
	o, m, i := r.one(t, outer), r.one(t, middle), r.one(t, inner)
	if o.parent != 0 || m.parent != o.id || i.parent != m.id || o.trace != o.id || m.trace != o.id || i.trace != o.id || i.depth != 2 {
		t.Errorf("not linked:\n%+v\n%+v\n%+v", o, m, i)
	}
	if i.took != 0 || i.start == 0 {
		t.Errorf("a call without a clock took %d from %d", i.took, i.start)
	}
}
