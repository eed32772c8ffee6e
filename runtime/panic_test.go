package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

type namedInt int

type namedString string

type block struct{ a, b int }

type shouter string

func (s shouter) String() string { return strings.ToUpper(string(s)) }

func TestPanicIsRecordedAndGoesOn(t *testing.T) {
	var nowhere *block
	tests := []struct {
		name  string
		panic func()
		text  string
	}{
		{"string", func() { panic("boom") }, "boom"},
		{"error", func() { panic(errNegative) }, "negative quantity"},
		{"stringer", func() { panic(shouter("loud")) }, "LOUD"},
		{"int", func() { panic(42) }, "42"},
		{"named int", func() { panic(namedInt(7)) }, "runtime_test.namedInt(7)"},
		{"named string", func() { panic(namedString("s")) }, `runtime_test.namedString("s")`},
		{"float", func() { panic(1.5) }, "1.5"},
		{"bool", func() { panic(true) }, "true"},
		{"struct", func() { panic(block{1, 2}) }, "(runtime_test.block) {...}"},
		{"nil", func() { panic(nil) }, new(goruntime.PanicNilError).Error()},
		{"runtime error", func() { nowhere.a = 1 }, "runtime error: invalid memory address or nil pointer dereference"},
		{"index", func() { _ = make([]int, 0)[len(tests0)] }, "runtime error: index out of range [1] with length 0"},
		{"method panics", func() { panic(&careless{}) }, "Error panicked: careless"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outer, inner := newKey(), newKey()
			var want, got any
			func() {
				defer func() { want = recover() }()
				tt.panic()
			}()
			r := recording(t, monitor.Options{}, func() {
				defer func() { got = recover() }()
				record(outer, "", 1, func() error {
					return record(inner, "", 2, func() error {
						tt.panic()
						return nil
					})
				})
			})
			if fmt.Sprintf("%T %[1]v", got) != fmt.Sprintf("%T %[1]v", want) {
				t.Errorf("recovered %T %[1]v, want %T %[2]v", got, want)
			}
			if portable {
				tt.text = "(value not readable on this platform)"
			}
			i, o := r.one(t, inner), r.one(t, outer)
			for _, c := range []call{i, o} {
				if c.err != tt.text || c.flags != wire.FlagError|wire.FlagPanic || c.results != "" {
					t.Errorf("%+v, want the text %q", c, tt.text)
				}
			}
			if o.stack != "" {
				t.Errorf("the outer call repeats the stack: %s", o.stack)
			}
			lines := strings.Split(i.stack, "\n")
			if len(lines) < 4 || !strings.HasPrefix(lines[0], "goroutine ") || !strings.Contains(lines[1], "runtime_test.TestPanicIsRecordedAndGoesOn.func") {
				t.Errorf("the stack does not begin where the panic was:\n%s", i.stack)
			}
		})
	}
}

var tests0 = []int{0}

func TestHowCallsEnd(t *testing.T) {
	recovers := func(body func()) (err error) {
		defer func() { recover() }()
		body()
		return nil
	}
	key, inner := newKey(), newKey()
	tests := []struct {
		name string
		body func()
		want string // flags of key's calls, then of inner's
	}{
		{"recover in the same function", func() {
			record(key, "", 1, func() (err error) {
				defer func() { err = fmt.Errorf("recovered %v", recover()) }()
				panic("boom")
			})
		}, "E -"},
		{"recover in a deferred call of the recorded function", func() {
			recoveringItself(key)
		}, "- -"},
		{"normal return while an outer panic is under way", func() {
			recovers(func() {
				defer record(key, "", 1, func() error { return record(inner, "", 2, nothing) })
				panic("outer")
			})
		}, "- -"},
		{"error while an outer panic is under way", func() {
			recovers(func() {
				defer record(key, "", 1, func() error { return errNegative })
				panic("outer")
			})
		}, "E -"},
		{"panic in a deferred call during a panic", func() {
			recovers(func() {
				defer record(key, "", 1, func() error { panic("second") })
				panic("first")
			})
		}, "P -"},
		{"panic and recover in a deferred call during a panic", func() {
			recovers(func() {
				defer record(key, "", 1, func() error {
					return recovers(func() { record(inner, "", 2, func() error { panic("second") }) })
				})
				panic("first")
			})
		}, "- P"},
		{"panic again with the same value", func() {
			recovers(func() {
				record(key, "", 1, func() (err error) {
					defer func() { panic(recover()) }()
					return record(inner, "", 2, func() error { panic("again") })
				})
			})
		}, "P P"},
		{"Goexit", func() {
			onGoroutine(func() {
				record(key, "", 1, func() error {
					return record(inner, "", 2, func() error { goruntime.Goexit(); return nil })
				})
			})
		}, "G G"},
		{"normal return while Goexit is under way", func() {
			onGoroutine(func() {
				defer record(key, "", 1, nothing)
				goruntime.Goexit()
			})
		}, "- -"},
		{"Goexit in a deferred call during a panic", func() {
			onGoroutine(func() {
				record(key, "", 1, func() error {
					defer record(inner, "", 2, func() error { goruntime.Goexit(); return nil })
					panic("lost to Goexit")
				})
			})
		}, "G G"},
		{"panic recovered during Goexit", func() {
			onGoroutine(func() {
				record(key, "", 1, func() error {
					defer recovers(func() { record(inner, "", 2, func() error { panic("during Goexit") }) })
					goruntime.Goexit()
					return nil
				})
			})
		}, "G P"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := recording(t, monitor.Options{}, tt.body)
			if got := flagsOf(r.of(key)) + " " + flagsOf(r.of(inner)); got != tt.want {
				t.Errorf("calls ended %q, want %q: %+v", got, tt.want, r.calls)
			}
		})
	}
}

// flagsOf is a letter for how each call ended.
func flagsOf(calls []call) (letters string) {
	for _, c := range calls {
		switch c.flags {
		case wire.FlagError:
			letters += "E"
		case wire.FlagError | wire.FlagPanic:
			letters += "P"
		case wire.FlagGoexit:
			letters += "G"
		case 0:
		default:
			letters += "?"
		}
	}
	if letters == "" {
		return "-"
	}
	return letters
}

func recoveringItself(key uint64) (err error) {
	defer exit(enter(key, "", 1), &err)
	defer func() { recover() }()
	panic("boom")
}

func onGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// Two panics with the same value: each has its stack.
func TestSecondPanicHasItsStack(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		for i := 0; i < 2; i++ {
			func() {
				defer func() { recover() }()
				record(key, "", i, func() error { panic(errNegative) })
			}()
		}
	})
	for _, c := range r.of(key) {
		if c.stack == "" {
			t.Errorf("no stack: %+v", c)
		}
	}
}

// A panic has its stack once, whatever deferred functions record on its way.
func TestDeferredCallsLeaveThePanicAlone(t *testing.T) {
	key, deferred := newKey(), newKey()
	var fall func(n int) error
	fall = func(n int) error {
		return record(key, "", n, func() error {
			defer record(deferred, "", n, nothing)
			defer func() {
				defer func() { recover() }()
				record(deferred, "", n, nothing)
			}()
			if n == 0 {
				panic("bottom")
			}
			return fall(n - 1)
		})
	}
	r := recording(t, monitor.Options{}, func() {
		defer func() { recover() }()
		fall(20)
	})
	stacks := 0
	for _, c := range r.of(key) {
		if c.stack != "" {
			stacks++
		}
	}
	if n := len(r.of(deferred)); stacks != 1 || n != 42 {
		t.Errorf("%d of %d calls have the stack, with %d calls by deferred functions", stacks, len(r.of(key)), n)
	}
}

// Panics one after the other cost stacks for a while only.
func TestStacksOfManyPanics(t *testing.T) {
	const panics = 10_000
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		for i := 0; i < panics; i++ {
			func() {
				defer func() { recover() }()
				record(key, "", i, func() error { panic(errNegative) })
			}()
		}
	})
	stacks := 0
	for _, c := range r.of(key) {
		if c.flags != wire.FlagError|wire.FlagPanic {
			t.Fatalf("%+v is no panic", c)
		}
		if c.stack != "" {
			stacks++
		}
	}
	if n := len(r.of(key)); n != panics || stacks < 64 || stacks == panics {
		t.Errorf("%d panics, %d stacks", n, stacks)
	}
}

func TestStackIsCut(t *testing.T) {
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		defer func() { recover() }()
		record(key, "", 1, func() error { dive(400); return nil })
	})
	if c := r.one(t, key); len(c.stack) > 8<<10 || len(c.stack) < 4<<10 || !strings.Contains(c.stack, "runtime_test.dive(") {
		t.Errorf("a stack of %d bytes: %.300s", len(c.stack), c.stack)
	}
}

//go:noinline
func dive(n int) {
	if n == 0 {
		panic("bottom")
	}
	dive(n - 1)
}

// crashes are programs that end in a panic, recorded or not.
var crashes = map[string]func(wrap func(uint64, func())){
	"string": func(wrap func(uint64, func())) {
		wrap(1, func() { wrap(2, func() { panic("boom") }) })
	},
	"nil pointer": func(wrap func(uint64, func())) {
		var p *block
		wrap(1, func() { p.b = 1 })
	},
	"error": func(wrap func(uint64, func())) {
		wrap(1, func() { panic(errors.New("an error")) })
	},
	"again": func(wrap func(uint64, func())) {
		wrap(1, func() {
			defer func() { panic(fmt.Sprint("second after ", recover())) }()
			wrap(2, func() { panic("first") })
		})
	},
	"repanicked": func(wrap func(uint64, func())) {
		wrap(1, func() {
			defer func() { panic(recover()) }()
			panic("first")
		})
	},
	"goroutine": func(wrap func(uint64, func())) {
		go wrap(1, func() { panic("in a goroutine") })
		select {}
	},
	"last Goexit": func(wrap func(uint64, func())) {
		wrap(1, goruntime.Goexit)
	},
}

func init() {
	for name, crash := range crashes {
		crash := crash
		children["crash recorded "+name] = func() {
			crash(func(key uint64, f func()) {
				record(key, "", 0, func() error { f(); return nil })
			})
		}
		children["crash bare "+name] = func() {
			crash(func(_ uint64, f func()) {
				bare(0, "", 0, func() error { f(); return nil })
			})
		}
	}
}

//go:noinline
func bare(key uint64, options string, arg int, body func() error) (err error) { return body() }

// noise is what differs between any two crashes, and between a function and
// its recorded twin.
var noise = regexp.MustCompile(`goroutine \d+|:\d+|\.func[\d.]+|(?m)( \+0x[0-9a-f]+|\([^()]*\))$|0x[0-9a-f]+|\b[a-z]+_test.go`)

// The crash output of a recorded program is that of the bare one.
func TestCrashOutputIsUntouched(t *testing.T) {
	for name := range crashes {
		t.Run(name, func(t *testing.T) {
			if raceDetector && name == "last Goexit" {
				t.Skip("Go finds no deadlock in a program that links cgo")
			}
			t.Parallel()
			got, gotCode := crashOutput(t, "crash recorded "+name, "MONITOR_SPOOL="+t.TempDir())
			want, wantCode := crashOutput(t, "crash bare "+name)
			want = strings.ReplaceAll(want, "runtime_test.bare", "runtime_test.record")
			if got != want || gotCode != wantCode {
				t.Errorf("exit code %d, want %d; recorded:\n%s\nbare:\n%s", gotCode, wantCode, got, want)
			}
			if strings.Contains(got, "monitorgen/runtime.(") {
				t.Errorf("the recorder shows:\n%s", got)
			}
		})
	}
}

func crashOutput(t *testing.T, child string, env ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), childVariable+"="+child), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the child ended with %v", err)
	}
	return noise.ReplaceAllString(stderr.String(), ""), exit.ExitCode()
}
