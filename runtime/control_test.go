package runtime_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink/control"
)

// controlled is a recording whose settings a test changes.
type controlled struct {
	t   *testing.T
	dir string
}

func startControlled(t *testing.T) *controlled {
	t.Helper()
	c := &controlled{t, t.TempDir()}
	c.start()
	t.Cleanup(func() { monitor.Stop() })
	return c
}

func (c *controlled) start() {
	c.t.Helper()
	if err := monitor.Start(monitor.Options{Spool: c.dir}); err != nil {
		c.t.Fatal(err)
	}
}

// stop ends the recording and returns what it has.
func (c *controlled) stop() *run {
	c.t.Helper()
	if err := monitor.Stop(); err != nil {
		c.t.Fatal(err)
	}
	os.Remove(filepath.Join(c.dir, wire.ControlFile))
	return readRun(c.t, c.dir)
}

func (c *controlled) set(key uint64, setting control.Setting) {
	c.t.Helper()
	told, err := control.Change(c.dir, func(s *control.Settings) { s.Set(key, setting) })
	if err != nil || told.Processes != 1 || len(told.Deaf) != 0 {
		c.t.Fatalf("%+v, %v", told, err)
	}
}

// level sets the level of a function and waits until it is in force, with calls of call.
func (c *controlled) level(key uint64, level control.Level, call func()) {
	c.t.Helper()
	c.set(key, control.Setting{Level: level})
	c.await(key, level, call)
}

func (c *controlled) await(key uint64, level control.Level, call func()) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); monitor.LevelOf(key) != uint32(level); {
		if time.Now().After(deadline) {
			c.t.Fatalf("level %d is not taken up", level)
		}
		call()
		time.Sleep(time.Millisecond) // the spool has a bound
	}
}

func TestControlLevels(t *testing.T) {
	c := startControlled(t)
	key, other := newKey(), newKey()
	call := func(arg int, err error) { record(key, "", arg, func() error { return err }) }
	probe := func() { record(other, "", 0, nothing) }
	call(1, nil)
	for i, level := range []control.Level{control.Timing, control.Args, control.Off, control.Full} {
		wake := probe
		if level == control.Full {
			wake = func() { call(0, nil) } // off until now: nobody but its own calls
		}
		c.level(key, level, wake)
		call(10*i+10, nil)
		call(10*i+11, errNegative)
	}
	type shown struct{ args, results, err string }
	seen := map[shown]bool{}
	for _, got := range c.stop().of(key) {
		seen[shown{got.args, got.results, got.err}] = true
	}
	text := errNegative.Error()
	want := []shown{
		{"1", "nil", ""},
		{"", "", ""}, {"", "", text}, // timing
		{"20", "", ""}, {"21", "", text}, // args
		{"40", "nil", ""}, {"41", `text"negative quantity"`, text}, // full again
	}
	for _, s := range want {
		if !seen[s] {
			t.Errorf("no call with %q, %q, %q", s.args, s.results, s.err)
		}
		delete(seen, s)
	}
	delete(seen, shown{"0", "nil", ""}) // that woke it
	for s := range seen {
		t.Errorf("a call with %q, %q, %q", s.args, s.results, s.err)
	}
}

// A function that is off comes on again by its own calls alone: nothing else runs
// in the process.
func TestControlOnAgain(t *testing.T) {
	c := startControlled(t)
	key := newKey()
	call := func() { record(key, "", 1, nothing) }
	call()
	for range 3 {
		c.level(key, control.Off, call)
		if monitor.HasBell() && !monitor.Off(key) {
			t.Error("off, and its word does not say so: its calls go a longer way")
		}
		before := monitor.Stats().Calls
		call()
		if after := monitor.Stats().Calls; after != before {
			t.Errorf("%d calls were recorded while it was off", after-before)
		}
		c.level(key, control.Full, call)
		if monitor.Off(key) {
			t.Error("on, and its word says that it is off")
		}
	}
	c.stop()
}

// What is off stays as cheap when it is told of other functions' settings.
func TestControlRingsLeaveWords(t *testing.T) {
	c := startControlled(t)
	if !monitor.HasBell() {
		t.Skip("there is no bell here")
	}
	off, other := newKey(), newKey()
	record(off, "", 1, nothing)
	record(other, "", 1, nothing)
	c.level(off, control.Off, func() { record(off, "", 1, nothing) })
	c.set(other, control.Setting{Level: control.Args})
	if monitor.Off(off) {
		t.Error("the ring did not reach the word of the function that is off")
	}
	record(off, "", 1, nothing)
	if !monitor.Off(off) {
		t.Error("its word was not put back")
	}
	if level := monitor.LevelOf(other); level != uint32(control.Args) {
		t.Errorf("the other has level %d", level)
	}
	c.stop()
}

// A sample of the control file stands in for what the directive says, and calls
// that are left out take up the next one.
func TestControlSample(t *testing.T) {
	c := startControlled(t)
	key := newKey()
	call := func() { record(key, "rate=1/s", 1, nothing) }
	call()
	none, all := 0.0, 1.0
	counts := func() uint64 {
		before := monitor.Stats().Calls
		for range 100 {
			call()
		}
		return monitor.Stats().Calls - before
	}
	c.set(key, control.Setting{Level: control.Full, Sample: &none})
	untilCount(t, counts, 0)
	record(key, "", 1, func() error { return errNegative })
	if n := monitor.Stats().Errors; n != 1 {
		t.Errorf("%d errors of a call that was left out", n)
	}
	c.set(key, control.Setting{Level: control.Full, Sample: &all})
	untilCount(t, counts, 100)
	if _, err := control.Change(c.dir, func(s *control.Settings) { s.Reset(key) }); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); counts() > 1; { // one a second again
		if time.Now().After(deadline) {
			t.Fatal("the directive's rate does not hold again")
		}
		time.Sleep(time.Millisecond)
	}
	c.stop()
}

func untilCount(t *testing.T, count func() uint64, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); count() != want; {
		if time.Now().After(deadline) {
			t.Fatalf("never %d calls", want)
		}
		time.Sleep(time.Millisecond)
	}
}

// Settings hold for runs that start later, and for functions that are called
// for the first time.
func TestControlAtStart(t *testing.T) {
	c := &controlled{t, t.TempDir()}
	known, new := newKey(), newKey()
	neighbour := known + monitor.KeyTurn // in the slot of one that is off
	record(known, "", 1, nothing)
	if _, err := control.Change(c.dir, func(s *control.Settings) {
		s.Set(known, control.Setting{Level: control.Off})
		s.Set(new, control.Setting{Level: control.Args})
	}); err != nil {
		t.Fatal(err)
	}
	c.start()
	defer monitor.Stop()
	record(known, "", 1, func() error { return errNegative })
	record(new, "", 2, nothing)
	record(neighbour, "", 3, nothing)
	r := c.stop()
	if n := len(r.of(known)); n != 0 {
		t.Errorf("%d calls of a function that is off", n)
	}
	if n := len(r.of(neighbour)); n != 1 {
		t.Errorf("%d calls of one that shares its slot, want one", n)
	}
	if got := r.one(t, new); got.args != "2" || got.results != "" {
		t.Errorf("%+v", got)
	}
}

// A control file that makes no sense, is cut or is something else changes
// nothing; one that goes away takes its settings with it.
func TestControlDamaged(t *testing.T) {
	c := startControlled(t)
	key, other := newKey(), newKey()
	call := func() { record(key, "", 1, nothing) }
	call()
	path := filepath.Join(c.dir, wire.ControlFile)
	whole := wire.AppendControl(nil, []wire.ControlEntry{{Key: key, Level: wire.LevelTiming}})
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(whole)
	c.set(other, control.Setting{Level: control.Args}) // rings
	c.await(key, control.Timing, call)
	for name, damage := range map[string]func(){
		"cut":       func() { write(whole[:len(whole)-1]) },
		"empty":     func() { write(nil) },
		"text":      func() { write([]byte("desk.Price off\n")) },
		"a folder":  func() { os.Remove(path); os.Mkdir(path, 0o700) },
		"a newer":   func() { newer := append([]byte(nil), whole...); newer[wire.ControlVersionAt]++; write(newer) },
		"too large": func() { os.Remove(path); write(make([]byte, 4<<20)) },
	} {
		damage()
		monitor.RingOwnBell()
		for start := time.Now(); time.Since(start) < 300*time.Millisecond; { // longer than calls look away
			call()
			time.Sleep(time.Millisecond)
		}
		if level := monitor.LevelOf(key); level != uint32(control.Timing) {
			t.Errorf("%s: level %d", name, level)
		}
		os.Remove(path)
	}
	monitor.RingOwnBell()
	c.await(key, control.Full, call)
	c.stop()
}

// Threads change settings and call all the time: in the end the last setting holds.
func TestControlWhileCalling(t *testing.T) {
	c := startControlled(t)
	key := newKey()
	record(key, "", 1, nothing)
	stop, done := make(chan struct{}), make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					record(key, "", 1, nothing)
					time.Sleep(100 * time.Microsecond)
				}
			}
		}()
	}
	levels := []control.Level{control.Off, control.Timing, control.Full, control.Off, control.Args}
	for i := range 100 {
		c.set(key, control.Setting{Level: levels[i%len(levels)]})
	}
	for _, level := range levels {
		c.level(key, level, func() { time.Sleep(time.Millisecond) })
	}
	close(stop)
	for range 4 {
		<-done
	}
	monitor.Stop()
}
