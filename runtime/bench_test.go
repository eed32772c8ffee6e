package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// started turns recording on beside a drainer that only frees what is complete:
// what is measured is the writer, once it has been round its segments.
func started(b *testing.B) {
	b.Helper()
	dir := b.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	freed := make(chan struct{})
	go func() {
		defer close(freed)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				freeComplete(dir)
			}
		}
	}()
	b.Cleanup(func() {
		close(done)
		<-freed
		if d := monitor.Stats().Dropped; d != 0 {
			b.Logf("%d calls dropped", d)
		}
		monitor.Stop()
	})
	for i := 0; i < 600_000; i++ {
		price(1, "ACME", 2)
	}
	b.ReportAllocs()
	b.ResetTimer()
}

// freeComplete frees the segments of every stream but the last.
func freeComplete(dir string) {
	all, _ := filepath.Glob(filepath.Join(dir, "*", "*"+wire.SegmentSuffix))
	last := make(map[string]string) // by what comes before the number
	for _, path := range all {
		stream := path[:strings.LastIndex(path, "-")]
		if old := last[stream]; old != "" {
			os.Rename(old, strings.TrimSuffix(old, wire.SegmentSuffix)+wire.FreeSuffix)
		}
		last[stream] = path
	}
}

//go:noinline
func barePrice(qty int, sym string, px float64) (r0 float64, r1 error) {
	if qty < 0 {
		return 0, errNegative
	}
	return float64(qty) * px, nil
}

func BenchmarkBare(b *testing.B) {
	for b.Loop() {
		barePrice(1, "ACME", 2)
	}
}

func BenchmarkOff(b *testing.B) {
	for b.Loop() {
		price(1, "ACME", 2)
	}
}

func BenchmarkCall(b *testing.B) {
	started(b)
	for b.Loop() {
		price(1, "ACME", 2)
	}
}

func BenchmarkError(b *testing.B) {
	started(b)
	for b.Loop() {
		price(-1, "ACME", 2)
	}
}

func BenchmarkSampledOut(b *testing.B) {
	started(b)
	key := newKey()
	for b.Loop() {
		record(key, "sample=0", 1, nothing)
	}
}

// BenchmarkNested is 32 calls within each other.
func BenchmarkNested(b *testing.B) {
	started(b)
	key := newKey()
	var nest func(n int) error
	nest = func(n int) error {
		if n == 0 {
			return nil
		}
		return record(key, "", n, func() error { return nest(n - 1) })
	}
	for b.Loop() {
		nest(32)
	}
}

func BenchmarkParallel(b *testing.B) {
	started(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			price(1, "ACME", 2)
		}
	})
}
