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
	start := time.Now()
	r := recording(t, monitor.Options{}, func() {
		for i := 0; i < 1000; i++ {
			record(key, "rate=10/s", 1, nothing)
		}
	})
	// The calls meet as many seconds of the clock as they take, and one more at
	// either end, of which they may see any part.
	most := 10 * (int(time.Since(start)/time.Second) + 2)
	if n := len(r.of(key)); n < 10 || n > most {
		t.Errorf("%d calls, want from 10 to %d", n, most)
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

// What README.md, docs/limits.md and docs/control.md say of sampling, a sentence a case.
func TestSampleSentences(t *testing.T) {
	fail := func() error { return errNegative }
	boom := func() error { panic("boom") }
	calm := func(f func()) {
		defer func() { recover() }()
		f()
	}
	// Each makes calls of a and of b; want says how many of them have a record.
	tests := []struct {
		sentence     string
		calls        func(a, b uint64)
		wantA, wantB int
	}{
		{"errors are recorded whatever rate says", func(a, b uint64) {
			record(a, "rate=1/s", 1, nothing)
			for range 5 {
				record(a, "rate=1/s", 1, fail)
			}
			record(b, "rate=1/s", 1, nothing)
		}, 6, 1},
		{"errors are recorded whatever slow says", func(a, b uint64) {
			record(a, "slow=1h", 1, fail)
			record(b, "slow=1h", 1, nothing)
		}, 1, 0},
		{"panics are recorded whatever sample, rate and slow say", func(a, b uint64) {
			calm(func() { record(a, "sample=0 slow=1h", 1, boom) })
			for range 3 {
				calm(func() { record(b, "rate=1/s", 1, boom) })
			}
		}, 1, 3},
		{"a call below one that was left out is left out with it, whatever its own sample says", func(a, b uint64) {
			record(a, "sample=0", 1, func() error { return record(b, "sample=1", 1, nothing) })
		}, 0, 0},
		{"a call that was left out in the middle takes what it calls with it", func(a, b uint64) {
			middle := newKey()
			record(a, "", 1, func() error {
				return record(middle, "sample=0", 1, func() error { return record(b, "", 1, nothing) })
			})
		}, 1, 0},
		{"an error below a call that was left out is recorded, and no call without one", func(a, b uint64) {
			record(a, "sample=0", 1, func() error {
				record(b, "", 1, fail)
				return record(b, "", 1, nothing)
			})
		}, 0, 1},
		{"slow leaves out a call and not what it calls", func(a, b uint64) {
			record(a, "slow=1h", 1, func() error { return record(b, "", 1, nothing) })
		}, 0, 1},
		{"a goroutine that a call starts which was left out is left out with it", func(a, b uint64) {
			record(a, "sample=0", 1, func() error {
				done := make(chan struct{})
				monitor.Go(func() { record(b, "", 1, nothing); close(done) })
				<-done
				return nil
			})
		}, 0, 0},
		{"so is what such a call hands over", func(a, b uint64) {
			jobs, done := make(chan monitor.Origin, 1), make(chan struct{})
			record(a, "sample=0", 1, func() error { jobs <- monitor.Here(); return nil })
			go func() {
				defer close(done)
				defer (<-jobs).Join().Leave()
				record(b, "", 1, nothing)
			}()
			<-done
		}, 0, 0},
		{"sample=0 keeps no call but those that fail", func(a, b uint64) {
			for range 20 {
				record(a, "sample=0", 1, nothing)
			}
			record(b, "sample=0", 1, fail)
		}, 0, 1},
		{"sample=1 keeps every call", func(a, b uint64) {
			for range 20 {
				record(a, "sample=1", 1, nothing)
			}
		}, 20, 0},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			a, b := newKey(), newKey()
			r := recording(t, monitor.Options{}, func() { tt.calls(a, b) })
			if n := len(r.of(a)); n != tt.wantA {
				t.Errorf("%d records of the first function, want %d", n, tt.wantA)
			}
			if n := len(r.of(b)); n != tt.wantB {
				t.Errorf("%d records of the second function, want %d", n, tt.wantB)
			}
		})
	}
}
