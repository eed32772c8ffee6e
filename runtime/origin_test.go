package runtime_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// start is what the generator makes of a go statement: the starter.
//
//go:noinline
func start(o monitor.Origin, f func()) {
	if o.Adopt() {
		defer monitor.Disown()
	}
	f()
}

// Calls of one goroutine start goroutines from one statement, which all begin
// after these calls have ended: each finds its own.
func TestOriginOutlived(t *testing.T) {
	const calls = 100
	parent, child, stranger := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		var started sync.WaitGroup
		ended := make(chan bool)
		for i := 0; i < calls; i++ {
			started.Add(2)
			record(parent, "", i, func() error {
				go start(monitor.Here(), func() {
					defer started.Done()
					<-ended
					record(child, "", i, nothing)
					record(child, "", i, nothing)
				})
				return nil
			})
			go start(monitor.Here(), func() { // nobody's
				defer started.Done()
				<-ended
				record(stranger, "", i, nothing)
			})
		}
		close(ended)
		started.Wait()
	})
	byArgs := make(map[string]call)
	for _, c := range r.of(parent) {
		byArgs[c.args] = c
	}
	if n := len(r.of(child)); n != 2*calls {
		t.Fatalf("%d calls, want %d", n, 2*calls)
	}
	for _, c := range r.of(child) {
		if p := byArgs[c.args]; c.parent != p.id || c.trace != p.trace || c.depth != 1 || c.routine == p.routine {
			t.Errorf("call %+v, started by %+v", c, p)
		}
	}
	for _, c := range r.of(stranger) {
		if c.parent != 0 || c.depth != 0 || c.trace != c.id {
			t.Errorf("nobody's call has a parent: %+v", c)
		}
	}
}

// What a call that the sample left out has started is left out too, but for
// its errors, which have this call's id.
func TestOriginLeftOut(t *testing.T) {
	parent, child, bad := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		var started sync.WaitGroup
		started.Add(1)
		record(parent, "sample=0", 0, func() error {
			go start(monitor.Here(), func() {
				defer started.Done()
				record(child, "", 0, nothing)
				record(bad, "", 0, func() error { return errors.New("bad") })
			})
			return errors.New("late")
		})
		started.Wait()
	})
	if n := len(r.of(child)); n != 0 {
		t.Errorf("%d calls that end well", n)
	}
	p, c := r.one(t, parent), r.one(t, bad)
	if c.parent != p.id || c.trace != p.id || c.depth != 1 || c.flags != wire.FlagError|wire.FlagSampled {
		t.Errorf("call %+v, started by %+v", c, p)
	}
}
