//go:build unix

package clickhouse

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// BenchmarkBody makes the body of a batch, and packs it; JSON is the same rows in the
// format JSONEachRow, for comparison.
func BenchmarkBody(b *testing.B) {
	var batch []spool.Call
	for id := range uint64(10_000) {
		batch = append(batch, spool.Call{Function: outer, ID: id, Trace: id / 10, Start: 1_700_000_000_000_000_000 + int64(id*id*7919%1_000_000), Duration: int64(id * 31 % 9973), Data: fmt.Sprintf(`[%d,"ACME",%d.25]`, id*104729%900_000, id*17%1000)})
	}
	rowBinary := func(r rows) rows {
		for i := range batch {
			r.call(7, &batch[i], 1)
		}
		return r
	}
	perRow := func(b *testing.B, bytes int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/row")
		b.ReportMetric(float64(bytes)/float64(len(batch)), "bytes/row")
	}
	b.Run("RowBinary", func(b *testing.B) {
		var r rows
		for b.Loop() {
			r = rowBinary(r[:0])
		}
		perRow(b, len(r))
	})
	body := rowBinary(nil)
	b.Run("packed", func(b *testing.B) {
		var packed []byte
		for b.Loop() {
			packed = pack(body)
		}
		perRow(b, len(packed))
	})
	b.Run("JSON", func(b *testing.B) {
		type row struct {
			Run, Call, Function, Parent, Trace, Depth, Goroutine, Start, Duration int64
			Failed, Flags                                                         uint8
			Exception                                                             *string
			Stack                                                                 string
			Data                                                                  []json.RawMessage
		}
		var r []byte
		for b.Loop() {
			r = r[:0]
			for i := range batch {
				c := &batch[i]
				text, err := json.Marshal(row{Run: 7, Call: int64(c.ID), Function: functionID(c.Function), Trace: int64(c.Trace), Start: c.Start, Duration: c.Duration})
				if err != nil {
					b.Fatal(err)
				}
				r = append(append(r, text...), '\n')
			}
		}
		perRow(b, len(r))
	})
}
