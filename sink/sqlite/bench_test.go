package sqlite

import (
	"context"
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

// BenchmarkWrite measures the write path alone: batches that are decoded.
func BenchmarkWrite(b *testing.B) {
	s := openStore(b, filepath.Join(b.TempDir(), "m.db"))
	ctx := context.Background()
	id, _, err := s.Run(ctx, &spool.Info{ID: "00"})
	if err != nil {
		b.Fatal(err)
	}
	f := &spool.Function{Name: "Price"}
	batch := &sink.Batch{Run: id}
	next := uint64(1)
	b.ReportAllocs()
	for left := b.N; left > 0; left -= len(batch.Calls) {
		batch.Calls = batch.Calls[:0]
		for range min(left, sink.DefaultBatchSize) {
			batch.Calls = append(batch.Calls, spool.Call{Function: f, ID: next, Trace: 1, Start: 1700000000000000000 + int64(next), Duration: 1500, Data: `[17,"ACME",99.25]`})
			next++
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
