package runtime_test

import (
	goruntime "runtime"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// How the process is comes with its calls, and again a second later.
func TestFigures(t *testing.T) {
	c := startControlled(t)
	key := newKey()
	garbage := make([][]byte, 0, 64)
	var got []processFigures
	for deadline := time.Now().Add(30 * time.Second); len(got) < 2; got = readRun(t, c.dir).figures {
		if time.Now().After(deadline) {
			t.Fatalf("%d figures", len(got))
		}
		garbage = append(garbage, make([]byte, 1<<20))
		if len(garbage) == cap(garbage) {
			garbage = garbage[:0]
		}
		goruntime.GC()
		record(key, "", 1, nothing)
		time.Sleep(20 * time.Millisecond)
	}
	first, second := got[0], got[1]
	if second.at <= first.at || second.cpu <= first.cpu || second.cycles <= first.cycles || second.pause <= first.pause {
		t.Errorf("what only grows does not:\n%+v\n%+v", first, second)
	}
	for _, f := range got[:2] {
		if f.heap == 0 || f.goal == 0 || f.goroutines < 1 || f.goroutines > 1000 {
			t.Errorf("%+v", f)
		}
	}
	if second.longest == 0 || second.longest > second.pause-first.pause {
		t.Errorf("the longest pause took %d of %d ns", second.longest, second.pause-first.pause)
	}
	if known := first.rss != wire.Unknown; known != (goruntime.GOOS == "linux") || known && (first.rss < 1<<20 || first.rss > 1<<40) {
		t.Errorf("resident: %d bytes", first.rss)
	}
	c.stop()
}

func TestFiguresDoNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector copies allocate")
	}
	c := startControlled(t)
	record(newKey(), "", 1, nothing)
	if n := testing.AllocsPerRun(100, monitor.ReportFigures); n != 0 {
		t.Errorf("%v allocations", n)
	}
	c.stop()
}

func BenchmarkFigures(b *testing.B) {
	started(b)
	for b.Loop() {
		monitor.ReportFigures()
	}
}
