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

// A worker runs jobs of several calls, one within the other too: what a job
// calls belongs to the call that handed it over, what the worker calls to nobody,
// and what is called within an open call to that one.
func TestOriginJoinGoroutines(t *testing.T) {
	parent, child, own, outer, inner := newKey(), newKey(), newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		jobs, idle := make(chan func()), make(chan bool)
		go func() {
			for job := range jobs {
				job()
				record(own, "", 0, nothing)
			}
			close(idle)
		}()
		job := func(i int, last func()) func() {
			here := monitor.Here()
			return func() {
				defer here.Join().Leave()
				record(child, "", i, nothing)
				last()
				record(child, "", i, nothing)
			}
		}
		for i := 0; i < 3; i++ {
			record(parent, "", i, func() error {
				done := make(chan bool)
				jobs <- job(i, func() { close(done) })
				<-done
				return nil
			})
		}
		var first func()
		record(parent, "", 3, func() error { first = job(3, func() {}); return nil })
		record(parent, "", 4, func() error { jobs <- job(4, first); return nil })
		record(outer, "", 0, func() error {
			func() {
				defer monitor.Origin{}.Join().Leave()
				record(inner, "", 0, nothing)
			}()
			first()
			return nil
		})
		close(jobs)
		<-idle
	})
	byArgs := make(map[string]call)
	for _, c := range r.of(parent) {
		byArgs[c.args] = c
	}
	o, strangers := r.one(t, outer), 0
	for _, c := range r.of(child) {
		switch p := byArgs[c.args]; c.parent {
		case p.id:
			if c.trace != p.trace || c.depth != 1 {
				t.Errorf("call %+v of a job that %+v handed over", c, p)
			}
		case o.id:
			strangers++
		default:
			t.Errorf("call %+v of a job that %+v handed over", c, p)
		}
	}
	if n := len(r.of(child)); n != 12 || strangers != 2 {
		t.Errorf("%d calls, %d of them within another call; want 12 and 2", n, strangers)
	}
	for _, c := range r.of(own) {
		if c.parent != 0 || c.depth != 0 {
			t.Errorf("the worker's own call has a parent: %+v", c)
		}
	}
	if c := r.one(t, inner); c.parent != o.id {
		t.Errorf("call %+v within %+v", c, o)
	}
}
