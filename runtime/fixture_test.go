package runtime_test

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// What follows is written as the generator writes it, but that the site comes
// as an argument.

const testPackage = "the description of a package, opaque to the runtime"

var errNegative = errors.New("negative quantity")

var lastKey atomic.Uint64

// newKey returns a key that no other test uses.
func newKey() uint64 { return lastKey.Add(monitor.KeyStep) }

//go:norace
func enter(key uint64, options string, arg int) (c monitor.Call) {
	if monitor.Off(key) {
		return
	}
	return open(key, options, arg)
}

//go:norace
func open(key uint64, options string, arg int) (c monitor.Call) {
	if e := c.Enter(key, testPackage, options); e != nil {
		e.Int(int64(arg))
		e.Entered()
	}
	return
}

//go:norace
func exit(c monitor.Call, r0 *error) {
	if c.Open() {
		done(c, r0)
	}
}

//go:norace
func done(c monitor.Call, r0 *error) {
	if !c.End(1) {
		return
	}
	if *r0 != nil {
		c.Fail(*r0)
	}
	if e := c.Results(); e != nil {
		e.Error(*r0)
	}
	c.Commit()
}

// record runs body as the body of a recorded function.
//
//go:noinline
func record(key uint64, options string, arg int, body func() error) (err error) {
	defer exit(enter(key, options, arg), &err)
	return body()
}

// nothing is the body of a function that does nothing.
func nothing() error { return nil }

const keyPrice = 0x1122334455667788

//go:noinline
func price(qty int, sym string, px float64) (r0 float64, r1 error) {
	defer monitorPriceEnd(monitorPrice(qty, sym, px), &r0, &r1)
	if qty < 0 {
		return 0, errNegative
	}
	return float64(qty) * px, nil
}

//go:norace
func monitorPrice(a0 int, a1 string, a2 float64) (c monitor.Call) {
	if monitor.Off(keyPrice) {
		return
	}
	return monitorPriceEnter(a0, a1, a2)
}

//go:norace
func monitorPriceEnter(a0 int, a1 string, a2 float64) (c monitor.Call) {
	if e := c.Enter(keyPrice, testPackage, `process="desk.Price"`); e != nil {
		e.Int(int64(a0))
		e.String(a1)
		e.Float64(a2)
		e.Entered()
	}
	return
}

//go:norace
func monitorPriceEnd(c monitor.Call, r0 *float64, r1 *error) {
	if c.Open() {
		monitorPriceDone(c, r0, r1)
	}
}

//go:norace
func monitorPriceDone(c monitor.Call, r0 *float64, r1 *error) {
	if !c.End(1) {
		return
	}
	if *r1 != nil {
		c.Fail(*r1)
	}
	if e := c.Results(); e != nil {
		e.Float64(*r0)
		e.Error(*r1)
	}
	c.Commit()
}

// recording records what body does and returns what the spool then holds.
func recording(t testing.TB, o monitor.Options, body func()) *run {
	t.Helper()
	o.Spool = t.TempDir()
	if err := monitor.Start(o); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop() // a body that fails the test comes this way
	body()
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	return readRun(t, o.Spool)
}

// of returns the calls of a site.
func (r *run) of(key uint64) (calls []call) {
	for _, c := range r.calls {
		if c.key == key {
			calls = append(calls, c)
		}
	}
	return calls
}

// defined counts the definitions of a site.
func (r *run) defined(key uint64) (n int) {
	for _, s := range r.sites {
		if s.key == key {
			n++
		}
	}
	return n
}

// one returns the only call of a site.
func (r *run) one(t testing.TB, key uint64) call {
	t.Helper()
	calls := r.of(key)
	if len(calls) != 1 {
		t.Fatalf("%d calls of site %d, want one", len(calls), key)
	}
	return calls[0]
}

// children are what this test program does when it is run by one of its tests.
var children = map[string]func(){}

const childVariable = "MONITORGEN_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		children[child]()
		return
	}
	os.Exit(m.Run())
}
