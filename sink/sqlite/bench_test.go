//go:build unix

package sqlite

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// price is a call with three values.
func price(id uint64) spooltest.Call {
	c := spooltest.Price(id)
	c.Results = spooltest.Values{}.Float(99.25)
	return c
}

// BenchmarkWrite measures the write path alone: batches that are decoded, in
// the order of the calls' starts, and in one in which shards and nesting mix them.
func BenchmarkWrite(b *testing.B) {
	for name, mixed := range map[string]bool{"ordered": false, "mixed": true} {
		b.Run(name, func(b *testing.B) { benchmarkWrite(b, mixed) })
	}
}

func benchmarkWrite(b *testing.B, mixed bool) {
	s := openStore(b, filepath.Join(b.TempDir(), "m.db"))
	ctx := context.Background()
	id, _, err := s.Run(ctx, &spool.Info{ID: "00"})
	if err != nil {
		b.Fatal(err)
	}
	f := &spool.Function{Name: "Price"}
	batch := &sink.Batch{Run: id, Calls: make([]spool.Call, 0, sink.DefaultBatchSize)}
	random := rand.New(rand.NewPCG(1, 2))
	next := uint64(1)
	b.ReportAllocs()
	for left := b.N; left > 0; left -= len(batch.Calls) {
		batch.Calls = batch.Calls[:0]
		for range min(left, sink.DefaultBatchSize) {
			batch.Calls = append(batch.Calls, spool.Call{Function: f, ID: next, Trace: 1, Start: 1700000000000000000 + int64(next), Duration: 1500, Data: `[17,"ACME",99.25]`})
			next++
		}
		if mixed {
			random.Shuffle(len(batch.Calls), func(i, j int) { batch.Calls[i], batch.Calls[j] = batch.Calls[j], batch.Calls[i] })
		}
		if err := s.Write(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkDrain measures the way from spool files to a fresh database.
func BenchmarkDrain(b *testing.B) {
	path := filepath.Join(b.TempDir(), "m.db")
	w := spooltest.New(b, path+"-spool", 1)
	w.Define(spooltest.Desk(), "")
	number := uint32(1)
	for id := 1; id <= b.N; number++ {
		var records [][]byte
		for ; id <= b.N && len(records) < 50_000; id++ {
			records = append(records, price(uint64(id)).Record())
		}
		w.Segment(wire.LaneNormal, 0, number, append(records, spooltest.End())...)
	}
	w.Die()
	s := openStore(b, path)
	b.ReportAllocs()
	b.ResetTimer()
	if stats := drainOnce(b, path+"-spool", s); stats.Calls != int64(b.N) {
		b.Fatalf("%d calls, want %d", stats.Calls, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
