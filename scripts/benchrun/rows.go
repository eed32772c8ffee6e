package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"syscall"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// rowSpan is the time between the starts of two rows: ten thousand a second.
const rowSpan = 100 * time.Microsecond

// functionCount is how many functions the rows are of.
const functionCount = 100

// rows makes the rows that csqlite/sink.c makes: traces of ten calls, one call of
// a hundred fails.
type rows struct {
	run       sink.RunID
	began     time.Time
	span      time.Duration // between two starts
	id        int64         // of the latest
	chance    *rand.Rand    // what rows have values by that cannot be guessed; nil: all have the same
	functions []*spool.Function
	memory    sink.Batch
}

func newRows() *rows {
	r := &rows{began: time.Unix(1_767_225_600, 0), span: rowSpan}
	for i := range functionCount {
		f := &spool.Function{Name: fmt.Sprintf("F%03d", i), Process: fmt.Sprintf("desk.F%03d", i), Package: "example.com/desk"}
		f.Digest = sha256.Sum256([]byte(f.Name))
		r.functions = append(r.functions, f)
	}
	return r
}

// start makes a run known, by the id that it has.
func (r *rows) start(ctx context.Context, store sink.Store, id string) (err error) {
	r.run, _, err = store.Run(ctx, &spool.Info{ID: id, Start: r.began.UnixNano()})
	return err
}

// now is the time of the latest row.
func (r *rows) now() time.Time { return r.began.Add(time.Duration(r.id) * r.span) }

// batch makes the next n rows; they are valid until the next call.
func (r *rows) batch(n int) *sink.Batch {
	b := &r.memory
	*b = sink.Batch{Run: r.run, Calls: b.Calls[:0], Positions: []spool.Position{{Offset: uint64(r.id)}}}
	for range n {
		r.id++
		c := spool.Call{
			Function: r.functions[r.id*7%functionCount], ID: uint64(r.id), Trace: uint64((r.id-1)/10*10 + 1), Goroutine: 17,
			Start: r.now().UnixNano(), Duration: 1000 + r.id*7919%100_000, Data: `[17,"ACME",99.25]`,
		}
		if c.ID != c.Trace {
			c.Parent, c.Depth = c.Trace, 1
		}
		if r.id%100 == 0 {
			c.Flags, c.Exception = wire.FlagError, "no such order"
		}
		if r.chance != nil {
			r.vary(&c)
		}
		b.Calls = append(b.Calls, c)
	}
	return b
}

// vary gives a row values of its own, as what compresses them should meet.
func (r *rows) vary(c *spool.Call) {
	symbol := 'A' + r.chance.IntN(26)
	c.Data = fmt.Sprintf(`[%d,"%c%[2]c%[3]c",%.2f]`, r.chance.IntN(1_000_000), symbol, 'A'+symbol%7, r.chance.Float64()*1000)
	c.Start += r.chance.Int64N(int64(r.span))
	c.Duration = int64(1000 * math.Exp(2*r.chance.NormFloat64()))
	c.Goroutine = 17 + uint64(r.id/10%50)
	if c.Exception != "" {
		c.Exception = fmt.Sprintf("no such order: %d", r.chance.IntN(1_000_000))
	}
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(10 * time.Microsecond)
}
