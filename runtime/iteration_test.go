package runtime_test

import (
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// iterated is what the generator puts in the place of seq.
func iterated(key uint64, seq func(func(int) bool)) func(func(int) bool) {
	return func(yield func(int) bool) {
		it := monitor.Iterate(key, testPackage, "sample=1")
		if it == nil {
			seq(yield)
			return
		}
		defer it.End()
		seq(func(a0 int) bool {
			it.Yield()
			more := yield(a0)
			it.Resume()
			if !more {
				it.Stop()
			}
			return more
		})
	}
}

func three(yield func(int) bool) {
	for i := 0; i < 3 && yield(i); i++ {
	}
}

func TestIteration(t *testing.T) {
	outer, whole, early, goexit, bad := newKey(), newKey(), newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(outer, "", 0, func() error {
			iterated(whole, three)(func(int) bool { return true })
			iterated(early, three)(func(i int) bool { return i < 1 })
			return nil
		})
		var ended sync.WaitGroup
		ended.Add(1)
		go func() {
			defer ended.Done()
			iterated(goexit, three)(func(int) bool { goruntime.Goexit(); return true })
		}()
		ended.Wait()
		func() {
			defer func() {
				if v := recover(); v != "bad" {
					t.Errorf("recovered %v", v)
				}
			}()
			iterated(bad, func(yield func(int) bool) { yield(1); panic("bad") })(func(int) bool { return true })
		}()
	})
	root := r.one(t, outer)
	for key, want := range map[uint64]string{whole: "3 false", early: "2 true"} {
		c := r.one(t, key)
		values := strings.Fields(c.results)
		if len(values) != 4 || values[0]+" "+values[3] != want {
			t.Errorf("results %q, want %q around two durations", c.results, want)
		}
		if c.parent != root.id || c.depth != 1 || c.start < root.start || c.took > root.took {
			t.Errorf("%+v is not within %+v", c, root)
		}
	}
	if c := r.one(t, goexit); c.flags != wire.FlagGoexit || c.parent != 0 {
		t.Errorf("left by Goexit: %+v", c)
	}
	c := r.one(t, bad)
	if c.err != "producer, at item 1: bad" || c.flags != wire.FlagError|wire.FlagPanic || !strings.Contains(c.stack, "TestIteration") {
		t.Errorf("panicked: %+v", c)
	}
}
