package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const (
	length        = 24 * time.Hour
	functionCount = 50
	life          = 90 * time.Minute // of a process; then the next one begins
)

// retention is the default, but for the rollups of a minute: those that are kept
// for seven days would grow all day.
var retention = sqlite.Retention{Rollups: 7 * time.Hour}

// day is a service that calls as much in each step.
type day struct {
	path      string
	store     *sqlite.Store
	now       time.Time
	step      time.Duration
	perStep   int
	functions []*spool.Function
	run       sink.RunID
	next      uint64 // id of the next call
	written   int64
	hours     []hour
}

// hour is what there was at its end.
type hour struct {
	file, log, heap int64
	used            int64 // bytes of the file that are in use
	partitions      int
	kept            int64 // rows
}

func begin(ctx context.Context, path string, rows int, short bool) (*day, error) {
	d := &day{path: path, step: time.Minute, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if short {
		d.step = 5 * time.Minute
	}
	d.perStep = rows / int(length/d.step)
	for i := range functionCount {
		name := fmt.Sprintf("desk.F%d", i)
		d.functions = append(d.functions, &spool.Function{Name: name, Process: name, Digest: sha256.Sum256([]byte(name))})
	}
	var err error
	d.store, err = sqlite.OpenWith(ctx, path, sqlite.Options{Retention: retention, Now: func() time.Time { return d.now }})
	return d, err
}

// live goes through the day: a batch in each step, and what is due then.
func (d *day) live(ctx context.Context) error {
	for past := time.Duration(0); past < length; past += d.step {
		if past%life == 0 {
			if err := d.restart(ctx, int(past/life)); err != nil {
				return err
			}
		}
		d.now = d.now.Add(d.step)
		if err := d.store.Write(ctx, d.batch()); err != nil {
			return err
		}
		for more := true; more; {
			var err error
			if more, err = d.store.Maintain(ctx); err != nil {
				return err
			}
		}
		if (past+d.step)%time.Hour == 0 {
			if err := d.note(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// restart ends a process and begins another.
func (d *day) restart(ctx context.Context, n int) (err error) {
	if n > 0 {
		if err := d.store.Write(ctx, &sink.Batch{Run: d.run, Ended: true}); err != nil {
			return err
		}
	}
	d.run, _, err = d.store.Run(ctx, &spool.Info{ID: fmt.Sprint(n), Start: d.now.UnixNano()})
	d.next = 1
	return err
}

// batch is what ended within the last step: traces of ten calls, a call of a
// hundred failed, each with a stack of its function's.
func (d *day) batch() *sink.Batch {
	b := &sink.Batch{Run: d.run, Positions: []spool.Position{{Offset: d.next}}}
	stacks := map[*spool.Function]*spool.Stack{}
	start := d.now.Add(-d.step).UnixNano()
	for i := range d.perStep {
		c := spool.Call{
			Function: d.functions[d.next*7%functionCount], ID: d.next, Trace: (d.next-1)/10*10 + 1, Goroutine: 17,
			Start: start + int64(i)*int64(d.step)/int64(d.perStep), Duration: int64(1000 + d.next*7919%100_000), Data: `[17,"ACME",99.25]`,
		}
		if c.ID != c.Trace {
			c.Parent, c.Depth = c.Trace, 1
		}
		if d.next%100 == 0 {
			f := c.Function
			if stacks[f] == nil {
				text := fmt.Sprintf("%s\n\tdesk.go:%d", f.Name, d.now.Hour())
				stacks[f] = &spool.Stack{Text: text, Digest: sha256.Sum256([]byte(text))}
			}
			c.Flags, c.Exception, c.Stack = wire.FlagError, "no such order", stacks[f]
		}
		b.Calls = append(b.Calls, c)
		d.next++
	}
	d.written += int64(d.perStep)
	return b
}

// note takes the measures of an hour and prints them.
func (d *day) note(ctx context.Context) error {
	plan, err := d.store.Plan(ctx)
	if err != nil {
		return err
	}
	h := hour{used: plan.Used, partitions: len(plan.Partitions)}
	for _, p := range plan.Partitions {
		h.kept += p.Rows
	}
	for suffix, into := range map[string]*int64{"": &h.file, "-wal": &h.log} {
		info, err := os.Stat(d.path + suffix)
		if err != nil {
			return err
		}
		*into = info.Size()
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	h.heap = int64(memory.HeapInuse)
	d.hours = append(d.hours, h)
	const mib = 1 << 20
	fmt.Printf("%2d h: %11d calls written, %10d kept in %2d tables; file %6.1f MiB, %6.1f in use; log %5.1f MiB; heap %5.1f MiB; resident %5.1f MiB\n",
		len(d.hours), d.written, h.kept, h.partitions, float64(h.file)/mib, float64(h.used)/mib, float64(h.log)/mib, float64(h.heap)/mib, float64(resident())/mib)
	return nil
}

// resident is what of this process is in memory, with what SQLite allocated; 0
// where the system does not say.
func resident() (bytes int64) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}
