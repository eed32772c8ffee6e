package runtime_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// shown is what one goroutine shows of its open calls.
type shown struct {
	open  int // calls, of which the outermost are here
	calls []openCall
}

type openCall struct {
	id, parent, trace, routine uint64
	start                      int64
	depth                      int
	cut                        bool
	args                       string
}

func (s shown) args() string {
	var all []string
	for _, c := range s.calls {
		all = append(all, c.args)
	}
	return strings.Join(all, " > ")
}

// openCalls reads the slots of all runs in a spool folder that hold calls.
func openCalls(t testing.TB, spool string) (slots []shown, unshown int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(spool, "*", "*"+wire.OpenSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
		number, ok := wire.ParseOpenName(filepath.Base(path))
		count := u32(wire.OpenCountAt)
		switch {
		case !ok || int(number) != u32(wire.OpenNumberAt):
			t.Fatalf("%s: number %d", path, u32(wire.OpenNumberAt))
		case binary.LittleEndian.Uint64(b) != wire.OpenMagic || u32(wire.OpenVersionAt) != wire.OpenVersion || u32(wire.OpenSumAt) != int(wire.OpenSum(b)):
			t.Fatalf("%s: wrong header", path)
		case len(b) != wire.OpenSlotsAt+count*wire.OpenSlotSize || u32(wire.OpenSlotSizeAt) != wire.OpenSlotSize:
			t.Fatalf("%s: %d bytes, %d slots", path, len(b), count)
		}
		unshown += u32(wire.OpenUnshownAt)
		for i := 0; i < count; i++ {
			if s := readSlot(t, b[wire.OpenSlotsAt+i*wire.OpenSlotSize:][:wire.OpenSlotSize]); s.open > 0 {
				slots = append(slots, s)
			}
		}
	}
	return slots, unshown
}

func readSlot(t testing.TB, b []byte) shown {
	t.Helper()
	held, open := wire.SplitOpenWord(binary.LittleEndian.Uint64(b))
	s := shown{open: int(open)}
	for at := wire.OpenCallsAt; held > 0; held-- {
		u32 := func(field int) uint32 { return binary.LittleEndian.Uint32(b[at+field:]) }
		u64 := func(field int) uint64 { return binary.LittleEndian.Uint64(b[at+field:]) }
		size, id := wire.SplitOpenCallWord(u64(wire.OpenCallWordAt))
		c := openCall{
			id: id, parent: u64(wire.OpenCallParentAt), trace: u64(wire.OpenCallTraceAt), routine: u64(wire.OpenCallGoroutineAt),
			start: int64(u64(wire.OpenCallStartAt)), depth: int(u32(wire.OpenCallDepthAt)),
			cut: u32(wire.OpenCallFlagsAt)&wire.FlagCut != 0,
		}
		args := b[at+wire.OpenCallHeaderSize:][:u32(wire.OpenCallArgsLenAt)]
		if c.cut {
			c.args = fmt.Sprint(len(args), " bytes")
		} else {
			c.args = decodeValues(t, args)
		}
		s.calls = append(s.calls, c)
		at += size
	}
	return s
}

// mapped skips a test where open calls are not shown.
func mapped(t *testing.T) {
	t.Helper()
	switch goruntime.GOOS {
	case "linux", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly":
	default:
		t.Skip("no mapped memory")
	}
}

// showing starts recording and returns what reads the open calls of one
// goroutine, which must be the only one that has any.
func showing(t *testing.T) (dir string, now func() shown) {
	t.Helper()
	mapped(t)
	dir = t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { monitor.Stop() })
	return dir, func() shown {
		t.Helper()
		slots, _ := openCalls(t, dir)
		if len(slots) > 1 {
			t.Fatalf("open calls of %d goroutines", len(slots))
		}
		return append(slots, shown{})[0]
	}
}

func TestOpenCallsNest(t *testing.T) {
	_, now := showing(t)
	key := newKey()
	record(key, "", 1, func() error {
		record(key, "", 2, nothing)
		if got := now().args(); got != "1" {
			t.Errorf("after a call within the first: %s", got)
		}
		return record(key, "", 3, func() error {
			return record(key, "", 4, func() error {
				s := now()
				if s.args() != "1 > 3 > 4" || s.open != 3 {
					t.Fatalf("%d open: %s", s.open, s.args())
				}
				for i, c := range s.calls {
					parent := uint64(0)
					if i > 0 {
						parent = s.calls[i-1].id
					}
					if c.depth != i || c.parent != parent || c.trace != s.calls[0].id || c.routine != s.calls[0].routine || c.start < s.calls[0].start {
						t.Errorf("call %d: %+v", i, c)
					}
				}
				return errNegative
			})
		})
	})
	if s := now(); s.open != 0 {
		t.Errorf("after all: %d open: %s", s.open, s.args())
	}
	price(7, "ACME", 2.5)
	if s := now(); s.open != 0 {
		t.Errorf("after another: %d open: %s", s.open, s.args())
	}
}

// However deep the calls are, they are counted, and the outermost are there.
func TestOpenCallsNestDeeply(t *testing.T) {
	_, now := showing(t)
	const depth = 3000
	key := newKey()
	var deep, back shown
	var nest func(n int) error
	nest = func(n int) error {
		if n == depth {
			deep = now()
			return nil
		}
		err := record(key, "", n, func() error { return nest(n + 1) })
		if n == 2 {
			back = now()
		}
		return err
	}
	nest(0)
	if n := len(deep.calls); deep.open != depth || n < 50 || n >= depth || deep.calls[n-1].args != fmt.Sprint(n-1) {
		t.Errorf("%d open, %d held", deep.open, n)
	}
	if back.open != 2 || back.args() != "0 > 1" {
		t.Errorf("on the way back: %d open, %s", back.open, back.args())
	}
	if s := now(); s.open != 0 {
		t.Errorf("%d open at the end", s.open)
	}
}

// Long arguments are cut so that calls further in have room.
func TestOpenCallsWithLongArguments(t *testing.T) {
	_, now := showing(t)
	long := func(n int, body func() error) error {
		var c monitor.Call
		if e := c.Enter(uint64(1<<30+n), testPackage, "max=100000"); e != nil {
			e.String(strings.Repeat("x", n))
			e.Entered()
		}
		var err error
		defer exit(c, &err)
		err = body()
		return err
	}
	var s shown
	long(10, func() error {
		return long(60_000, func() error {
			return long(20, func() error {
				s = now()
				return nil
			})
		})
	})
	if len(s.calls) != 3 || s.calls[0].cut || !s.calls[1].cut || s.calls[2].cut || s.calls[2].args != fmt.Sprintf("%q", strings.Repeat("x", 20)) {
		t.Errorf("%d calls: %s", len(s.calls), s.args())
	}
}

func TestOpenCallsOfGoroutines(t *testing.T) {
	dir, _ := showing(t)
	const goroutines = 100
	key := newKey()
	var inside, done sync.WaitGroup
	leave := make(chan struct{})
	for i := 0; i < goroutines; i++ {
		inside.Add(1)
		done.Add(1)
		go func(i int) {
			defer done.Done()
			record(key, "", i, func() error {
				return record(key, "", -i, func() error {
					inside.Done()
					<-leave
					return nil
				})
			})
		}(i)
	}
	inside.Wait()
	slots, unshown := openCalls(t, dir)
	seen := make(map[string]bool)
	routines := make(map[uint64]bool)
	for _, s := range slots {
		seen[s.args()] = true
		routines[s.calls[0].routine] = true
	}
	for i := 0; i < goroutines; i++ {
		if want := fmt.Sprintf("%d > %d", i, -i); !seen[want] {
			t.Errorf("%s is not shown", want)
		}
	}
	if len(slots) != goroutines || len(routines) != goroutines || unshown != 0 {
		t.Errorf("%d slots, %d goroutines, %d unshown", len(slots), len(routines), unshown)
	}
	close(leave)
	done.Wait()
	if slots, _ := openCalls(t, dir); len(slots) != 0 {
		t.Errorf("%d goroutines have open calls at the end", len(slots))
	}
}

// There is room for some two thousand goroutines; those beyond are counted.
func TestOpenCallsOfTooMany(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of goroutines")
	}
	dir, _ := showing(t)
	const goroutines = 2500
	key := newKey()
	var inside, done sync.WaitGroup
	leave := make(chan struct{})
	for i := 0; i < goroutines; i++ {
		inside.Add(1)
		done.Add(1)
		go func(i int) {
			defer done.Done()
			record(key, "", i, func() error {
				inside.Done()
				<-leave
				return nil
			})
		}(i)
	}
	inside.Wait()
	slots, unshown := openCalls(t, dir)
	close(leave)
	done.Wait()
	if len(slots)+unshown != goroutines || unshown == 0 || len(slots) < 2000 {
		t.Errorf("%d slots, %d unshown", len(slots), unshown)
	}
}

func TestOpenCallsPanicAndGoexit(t *testing.T) {
	_, now := showing(t)
	key := newKey()
	record(key, "", 1, func() error {
		func() {
			defer func() { recover() }()
			record(key, "", 2, func() error { return record(key, "", 3, func() error { panic("down") }) })
		}()
		if s := now(); s.args() != "1" || s.open != 1 {
			t.Errorf("after a panic: %d open: %s", s.open, s.args())
		}
		return nil
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		record(key, "", 4, func() error { return record(key, "", 5, func() error { goruntime.Goexit(); return nil }) })
	}()
	<-ended
	if s := now(); s.open != 0 {
		t.Errorf("after Goexit: %d open: %s", s.open, s.args())
	}
}

// Only calls that the sample takes are shown.
func TestOpenCallsSample(t *testing.T) {
	_, now := showing(t)
	record(newKey(), "", 1, func() error {
		return record(newKey(), "sample=0", 2, func() error {
			return record(newKey(), "", 3, func() error {
				if s := now(); s.args() != "1" || s.open != 1 {
					t.Errorf("%d open: %s", s.open, s.args())
				}
				return nil
			})
		})
	})
}

// A goroutine that is within a call when one run ends shows nothing in the next
// before it has left that call.
func TestOpenCallsStartAgain(t *testing.T) {
	first, _ := showing(t)
	key := newKey()
	second := t.TempDir()
	record(key, "", 1, func() error {
		if err := monitor.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := monitor.Start(monitor.Options{Spool: second}); err != nil {
			t.Fatal(err)
		}
		if slots, _ := openCalls(t, first); len(slots) != 1 || slots[0].args() != "1" {
			t.Errorf("the first run shows %v", slots)
		}
		return record(key, "", 2, func() error {
			if slots, _ := openCalls(t, second); len(slots) != 0 {
				t.Errorf("the second run shows %v", slots)
			}
			return nil
		})
	})
	record(key, "", 3, func() error {
		if slots, _ := openCalls(t, second); len(slots) != 1 || slots[0].args() != "3" {
			t.Errorf("the second run shows %v", slots)
		}
		return nil
	})
	if slots, _ := openCalls(t, first); len(slots) != 0 {
		t.Errorf("the first run shows %v at the end", slots)
	}
}

// Files that are cut off underneath end neither the program nor the recording.
func TestOpenCallsAreTruncated(t *testing.T) {
	for _, met := range []struct {
		by     string
		within func(key uint64) error
		want   int
	}{
		{"a call that begins", func(key uint64) error { return record(key, "", 2, nothing) }, 3},
		{"a call that ends", func(uint64) error { return nil }, 2},
		{"a call that fails", func(uint64) error { return errNegative }, 2},
	} {
		t.Run(met.by, func(t *testing.T) {
			dir, _ := showing(t)
			key := newKey()
			record(key, "", 1, func() error {
				files, err := filepath.Glob(filepath.Join(dir, "*", "*"+wire.OpenSuffix))
				if err != nil || len(files) != 1 {
					t.Fatalf("%v, %v", files, err)
				}
				if err := os.Truncate(files[0], 0); err != nil {
					t.Fatal(err)
				}
				return met.within(key)
			})
			record(key, "", 3, nothing)
			if err := monitor.Stop(); err != nil {
				t.Fatal(err)
			}
			if n := len(readRun(t, dir).of(key)); n != met.want {
				t.Errorf("%d calls recorded, want %d", n, met.want)
			}
		})
	}
}

func init() {
	children["wait within calls"] = func() {
		record(childKey, "", 1, func() error {
			return record(otherKey, "", 2, func() error {
				fmt.Println("inside")
				time.Sleep(time.Hour) // until it is killed
				return nil
			})
		})
	}
}

// What a process that is killed was at is there; unless nobody wants it.
func TestOpenCallsOfKilled(t *testing.T) {
	mapped(t)
	for _, tt := range []struct{ env, want string }{{"MONITOR_INFLIGHT=on", "1 > 2"}, {"MONITOR_INFLIGHT=off", ""}} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"=wait within calls", "MONITOR_SPOOL="+dir, tt.env)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(pipe).ReadString('\n'); line != "inside\n" {
			t.Errorf("it says %q, %v", line, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		slots, _ := openCalls(t, dir)
		if got := append(slots, shown{})[0].args(); got != tt.want || len(slots) > 1 {
			t.Errorf("%s: %v", tt.env, slots)
		}
	}
}
