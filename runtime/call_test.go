package runtime_test

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

func TestReturnAndError(t *testing.T) {
	before := time.Now().UnixNano()
	r := recording(t, monitor.Options{}, func() {
		price(3, "ACME", 2.5)
		price(-1, "ACME", 2.5)
	})
	calls := r.of(keyPrice)
	if len(calls) != 2 {
		t.Fatalf("%d calls, want 2", len(calls))
	}
	failed, good := calls[0], calls[1] // the error lane is read first
	if good.args != `3 "ACME" 2.5g` || good.results != "7.5g nil" || good.flags != 0 || good.err != "" {
		t.Errorf("good call: %+v", good)
	}
	if failed.args != `-1 "ACME" 2.5g` || failed.results != `0g text"negative quantity"` ||
		failed.flags != wire.FlagError || failed.err != "negative quantity" || failed.stack != "" {
		t.Errorf("failed call: %+v", failed)
	}
	if !strings.HasPrefix(failed.surfaced, "github.com/monitorgen/monitorgen/runtime_test.price(") || good.surfaced != "" {
		t.Errorf("the error surfaced on %q, none on %q", failed.surfaced, good.surfaced)
	}
	for _, c := range calls {
		if c.id == 0 || c.trace != c.id || c.parent != 0 || c.depth != 0 {
			t.Errorf("identity of a root: %+v", c)
		}
		if c.start < before-int64(time.Second) || c.start > time.Now().UnixNano() || c.took <= 0 {
			t.Errorf("times: %+v", c)
		}
	}
	if good.routine == 0 || good.routine != failed.routine {
		t.Errorf("goroutines %d and %d", good.routine, failed.routine)
	}
}

func TestRunRecord(t *testing.T) {
	var id string
	r := recording(t, monitor.Options{}, func() {
		id = monitor.RunID()
		price(1, "A", 1)
	})
	want := map[string]string{
		wire.RunKeyID: id, wire.RunKeyPID: fmt.Sprint(os.Getpid()), wire.RunKeyGo: goruntime.Version(),
		wire.RunKeyOS: goruntime.GOOS + "/" + goruntime.GOARCH, wire.RunKeySession: "",
	}
	for key, value := range want {
		if got := r.info[key]; len(got) != 1 || got[0] != value {
			t.Errorf("%s: %q, want %q", key, got, value)
		}
	}
	if len(r.info[wire.RunKeyArg]) != len(os.Args) {
		t.Errorf("arguments %q, want %q", r.info[wire.RunKeyArg], os.Args)
	}
	if len(r.packages) != 1 {
		t.Errorf("%d packages: every site of a test is of the same", len(r.packages))
	}
}

// A call's parent, trace and depth come from its goroutine alone.
func TestNesting(t *testing.T) {
	outer, middle, inner := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(outer, "", 1, func() error {
			record(middle, "", 2, func() error {
				return record(inner, "", 3, nothing)
			})
			var wg sync.WaitGroup
			wg.Add(1)
			go func() {
				defer wg.Done()
				price(1, "other goroutine", 1)
			}()
			wg.Wait()
			return record(middle, "", 4, nothing)
		})
	})
	o, i, other := r.one(t, outer), r.one(t, inner), r.one(t, keyPrice)
	for n, m := range r.of(middle) {
		if m.parent != o.id || m.trace != o.id || m.depth != 1 || m.args != fmt.Sprint(2+2*n) {
			t.Errorf("middle call %d: %+v", n, m)
		}
	}
	if m := r.of(middle)[0]; i.parent != m.id || i.trace != o.id || i.depth != 2 || i.args != "3" {
		t.Errorf("inner call: %+v", i)
	}
	if o.args != "1" || o.results != "nil" {
		t.Errorf("outer call: %+v", o)
	}
	if other.parent != 0 || other.trace != other.id || other.depth != 0 || other.routine == o.routine {
		t.Errorf("call of another goroutine: %+v", other)
	}
}

// Ids are unique, and no call of any goroutine is lost, whatever g it runs on.
func TestManyGoroutines(t *testing.T) {
	outer, inner := newKey(), newKey()
	const rounds, goroutines, calls = 20, 50, 20
	r := recording(t, monitor.Options{}, func() {
		for round := 0; round < rounds; round++ {
			var wg sync.WaitGroup
			for i := 0; i < goroutines; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for n := 0; n < calls; n++ {
						record(outer, "", n, func() error {
							grow(n)
							return record(inner, "", n, func() error {
								goruntime.Gosched()
								return nil
							})
						})
					}
				}()
			}
			wg.Wait()
		}
	})
	byID := make(map[uint64]call)
	perGoroutine := make(map[uint64]int)
	for _, c := range r.calls {
		if _, ok := byID[c.id]; ok {
			t.Fatalf("two calls have the id %d", c.id)
		}
		byID[c.id] = c
		perGoroutine[c.routine]++
	}
	if want := rounds * goroutines * calls * 2; len(byID) != want {
		t.Errorf("%d calls, want %d", len(byID), want)
	}
	if len(perGoroutine) != rounds*goroutines {
		t.Errorf("calls of %d goroutines, want %d", len(perGoroutine), rounds*goroutines)
	}
	for id, n := range perGoroutine {
		if n != 2*calls {
			t.Errorf("goroutine %d: %d calls, want %d", id, n, 2*calls)
		}
	}
	for _, c := range r.of(inner) {
		p := byID[c.parent]
		if p.key != outer || p.routine != c.routine || p.args != c.args || c.trace != p.id || c.depth != 1 {
			t.Fatalf("call %+v is part of %+v", c, p)
		}
	}
}

// grow makes the goroutine's stack move.
func grow(n int) byte {
	var block [2048]byte
	if n > 0 {
		block[n%len(block)] = grow(n - 1)
	}
	return block[n%len(block)] + 1
}

func TestStackMovesDuringCall(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		done := make(chan error)
		go func() {
			done <- record(key, "", 1, func() error {
				grow(200)
				return errNegative
			})
		}()
		if err := <-done; err != errNegative {
			t.Errorf("the function returned %v", err)
		}
	})
	if c := r.one(t, key); c.err != errNegative.Error() || c.args != "1" {
		t.Errorf("%+v", c)
	}
}

func TestDeepRecursion(t *testing.T) {
	if portable {
		t.Skip("the id of a goroutine costs a walk over its stack there")
	}
	key := newKey()
	const depth = 70_000 // beyond what a u16 of depth and the recorder itself count
	var descend func(n int) error
	descend = func(n int) error {
		return record(key, "", n, func() error {
			if n == 0 {
				return nil
			}
			return descend(n - 1)
		})
	}
	var before, after goruntime.MemStats
	r := recording(t, monitor.Options{}, func() {
		goruntime.ReadMemStats(&before)
		descend(depth - 1)
		goruntime.ReadMemStats(&after)
	})
	// The program may keep an eye on its heap: the recorder's part is elsewhere.
	if grown := after.TotalAlloc - before.TotalAlloc; goruntime.GOOS != "windows" && !raceDetector && grown > 8<<20 {
		t.Errorf("%d bytes of the heap were allocated", grown)
	}
	calls := r.of(key)
	if got := uint64(len(calls)) + r.drops[key]; got != depth {
		t.Errorf("%d calls recorded and %d counted, want %d in all", len(calls), r.drops[key], depth)
	}
	deepest := 0
	for _, c := range calls {
		if c.depth > deepest {
			deepest = c.depth
		}
	}
	if deepest != 1<<16-1 {
		t.Errorf("depth goes up to %d", deepest)
	}
}

// Several error results: the first one that is not nil counts.
func TestFirstErrorCounts(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		c := enter(key, "", 1)
		if !c.End(0) {
			t.Fatal("not recorded")
		}
		c.Fail(errors.New("first"))
		c.Fail(errors.New("second"))
		c.Commit()
	})
	if c := r.one(t, key); c.err != "first" || c.flags != wire.FlagError {
		t.Errorf("%+v", c)
	}
}

func TestLongErrorText(t *testing.T) {
	key := newKey()
	long := strings.Repeat("x", 1<<20)
	r := recording(t, monitor.Options{}, func() {
		record(key, "", 1, func() error { return errors.New(long) })
	})
	c := r.one(t, key)
	if len(c.err) != 64<<10 || c.results != fmt.Sprintf("text%q/%d", long[:1000], len(long)) {
		t.Errorf("%d bytes of error text, results %.50s", len(c.err), c.results)
	}
}

type careless struct{}

func (*careless) Error() string { panic("careless") }

// selfish calls a recorded function in its method.
type selfish struct{ key uint64 }

func (s *selfish) Error() string {
	record(s.key, "", 0, nothing)
	return "selfish"
}

func TestMethodsOfErrors(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		text    string
		results string
	}{
		{"panics", &careless{}, "Error panicked: careless", "bad(Error panicked: careless)"},
		{"nil pointer", (*selfish)(nil), "Error panicked: runtime error: invalid memory address or nil pointer dereference",
			"bad(Error panicked: runtime error: invalid memory address or nil pointer dereference)"},
		{"empty", errors.New(""), "", `text""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := newKey()
			r := recording(t, monitor.Options{}, func() {
				record(key, "", 1, func() error { return tt.err })
				record(key, "", 2, nothing)
			})
			calls := r.of(key)
			if len(calls) != 2 {
				t.Fatalf("%d calls, want 2", len(calls))
			}
			if c := calls[0]; c.err != tt.text || c.flags != wire.FlagError || c.results != tt.results {
				t.Errorf("%+v", c)
			}
		})
	}
}

// What a method of the user's does while it is asked for a text is not recorded.
func TestCallsOfMethodsAreNotRecorded(t *testing.T) {
	key, inMethod := newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(key, "", 1, func() error { return &selfish{inMethod} })
		record(inMethod, "", 2, nothing)
	})
	if c := r.one(t, key); c.err != "selfish" || c.results != `text"selfish"` {
		t.Errorf("%+v", c)
	}
	if c := r.one(t, inMethod); c.args != "2" {
		t.Errorf("%+v", c)
	}
}

func TestNoAllocations(t *testing.T) {
	if raceDetector || portable {
		t.Skip("the race detector allocates, and so does the portable code")
	}
	recording(t, monitor.Options{}, func() {
		price(1, "warm up", 1)
		price(-1, "warm up", 1)
		for name, f := range map[string]func(){
			"call":  func() { price(1, "ACME", 2) },
			"error": func() { price(-1, "ACME", 2) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
	if n := testing.AllocsPerRun(100, func() { price(1, "off", 2) }); n != 0 {
		t.Errorf("off: %v allocations", n)
	}
}

// Arguments that are only looked at stay where they are.
func TestAnyDoesNotEscape(t *testing.T) {
	if raceDetector || portable {
		t.Skip("the race detector allocates, and so does the portable code")
	}
	key := newKey()
	recording(t, monitor.Options{}, func() {
		call := func(x int, text string) {
			var c monitor.Call
			if e := c.Enter(key, testPackage, ""); e != nil {
				e.Any(x)
				e.Any(text)
			}
			if c.End(0) {
				c.Commit()
			}
		}
		call(1000, "warm up")
		n := 100_000
		if got := testing.AllocsPerRun(100, func() { n++; call(n, "text") }); got != 0 {
			t.Errorf("%v allocations", got)
		}
	})
}

func TestOffCallsAreNotRecorded(t *testing.T) {
	key := newKey()
	record(key, "", 1, nothing)
	r := recording(t, monitor.Options{}, func() { record(key, "", 2, nothing) })
	record(key, "", 3, nothing)
	if c := r.one(t, key); c.args != "2" {
		t.Errorf("%+v", c)
	}
}

// A call that is open when recording starts or stops has no record, and does no harm.
func TestStartAndStopDuringCalls(t *testing.T) {
	key, inner := newKey(), newKey()
	var r *run
	record(key, "", 1, func() error {
		r = recording(t, monitor.Options{}, func() { record(inner, "", 2, nothing) })
		return nil
	})
	if c := r.one(t, inner); c.parent != 0 {
		t.Errorf("%+v", c)
	}
	if n := len(r.of(key)); n != 0 {
		t.Errorf("%d records of the call around it all", n)
	}

	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	record(key, "", 1, func() error {
		record(inner, "", 1, nothing)
		return monitor.Stop()
	})
	if r := readRun(t, dir); len(r.of(key)) != 0 || len(r.of(inner)) != 1 {
		t.Errorf("calls %+v", r.calls)
	}
}
