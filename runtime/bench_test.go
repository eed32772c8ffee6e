package runtime_test

import (
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// started turns recording on with a lane that a benchmark does not fill, so
// that what is measured includes the first touch of every page.
func started(b *testing.B) {
	b.Helper()
	if err := monitor.Start(monitor.Options{Spool: b.TempDir(), SpoolMax: 8 << 30}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { monitor.Stop() })
	b.ReportAllocs()
	b.ResetTimer()
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
