//go:build race

package runtime_test

import (
	"bytes"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const raceDetector = true

var shared int

// flag is how the children's goroutines take turns behind the detector's back.
var flag bool

//go:norace
func raise() { flag = true }

//go:norace
func await() {
	for !flag {
		goruntime.Gosched()
	}
}

func init() {
	children["race"] = func() { meet(func() {}, func() {}) }
	children["no race"] = func() {
		ready := make(chan struct{})
		meet(func() { close(ready) }, func() { <-ready })
	}
	children["opened by another"] = crowd
	children["used again"] = oneAfterTheOther
}

// meet lets two goroutines write to one variable, each with a recorded call next
// to the write: the recorder must not be what orders them.
func meet(release, acquire func()) {
	record(childKey, "", 0, nothing)
	done := make(chan struct{})
	go func() {
		shared = 1
		record(childKey, "", 1, nothing)
		record(otherKey, "", 1, func() error { return errNegative })
		release()
		raise()
	}()
	go func() {
		defer close(done)
		await()
		acquire()
		record(childKey, "", 2, nothing)
		record(otherKey, "", 1, func() error { return errNegative })
		shared = 2
	}()
	<-done
}

// within counts goroutines of crowd, behind the detector's back too.
var within int

//go:norace
func enterCrowd(size int) {
	for within++; within < size; {
		goruntime.Gosched()
	}
}

// crowd has one goroutine open the spool, and more than one file of open calls
// has room for make calls in it that fail, with no order between them.
func crowd() {
	const size = 100
	done := make(chan struct{}, size)
	for i := 0; i < size; i++ {
		go func() {
			await()
			record(otherKey, "", i, func() error { enterCrowd(size); return errNegative })
			done <- struct{}{}
		}()
	}
	go func() {
		record(childKey, "", 0, nothing)
		raise()
	}()
	for i := 0; i < size; i++ {
		<-done
	}
}

// ended counts goroutines of oneAfterTheOther behind the detector's back.
var ended int

//go:norace
func end() { ended++ }

//go:norace
func awaitEnd(n int) {
	for ended < n {
		goruntime.Gosched()
	}
	goruntime.Gosched()
}

// oneAfterTheOther has goroutines make calls whose error, mask and methods are asked
// for texts, each in what Go and the recorder kept of the one before, with no order
// between the two.
func oneAfterTheOther() {
	monitor.Mask(func(text string) string { return text })
	for i := 1; i <= 50; i++ {
		go func() {
			record(otherKey, "", 1, func() error { return errNegative })
			end()
		}()
		awaitEnd(i)
	}
}

func TestRacesAreSeen(t *testing.T) {
	for name, want := range map[string]bool{"race": true, "no race": false, "opened by another": false, "used again": false} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+name, "MONITOR_SPOOL="+t.TempDir(), "GOMAXPROCS=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			cmd.Run()
			if got := strings.Contains(stderr.String(), "DATA RACE"); got != want {
				t.Errorf("a race is reported: %v, want %v\n%s", got, want, stderr.String())
			}
		})
	}
}
