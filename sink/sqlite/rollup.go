package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"

	"modernc.org/sqlite"
	"modernc.org/sqlite/vtab"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// Widths of the rollup tables, in seconds. The wider is a multiple of the other.
const (
	fineRollup   = 10
	coarseRollup = 60
)

// rollupKey is the rows of a rollup table that one batch can touch: all of a
// batch is of one run.
type rollupKey struct {
	start    int64 // seconds since 1970 UTC, a multiple of the width
	function int64
}

func (k rollupKey) compare(o rollupKey) int {
	return cmp.Or(cmp.Compare(k.start, o.start), cmp.Compare(k.function, o.function))
}

// rollup is what calls add up to.
type rollup struct {
	calls, errors, total, longest int64
	durations                     histogram.Histogram
}

func (r *rollup) add(c *spool.Call) {
	r.calls++
	if c.Failed() {
		r.errors++
	}
	if c.Flags&wire.FlagSampled == 0 { // else its sample left it out: it had no clock
		r.total += c.Duration
		r.longest = max(r.longest, c.Duration)
		r.durations.Record(c.Duration)
	}
}

func (r *rollup) merge(o *rollup) {
	r.calls += o.calls
	r.errors += o.errors
	r.total += o.total
	r.longest = max(r.longest, o.longest)
	r.durations.Add(&o.durations)
}

// rollUp sums calls up in the finer width.
func rollUp(calls []spool.Call, functions *places) map[rollupKey]*rollup {
	rollups := map[rollupKey]*rollup{}
	type latest struct {
		from, to int64 // the start of calls that go into it
		into     *rollup
	}
	byPlace := make([]latest, len(functions.ids))
	for i := range calls {
		c := &calls[i]
		f := &byPlace[functions.of[i]]
		if f.into == nil || c.Start < f.from || c.Start >= f.to {
			key := rollupKey{startOf(c.Start, fineRollup), functions.id(i)}
			if rollups[key] == nil {
				rollups[key] = new(rollup)
			}
			f.from, f.into = key.start*1e9, rollups[key]
			f.to = f.from + fineRollup*1e9
		}
		f.into.add(c)
	}
	return rollups
}

// startOf returns in which span of so many seconds a time lies, in seconds.
func startOf(ns int64, width int64) int64 {
	s := ns / 1e9
	return s - s%width
}

// coarser sums rollups up in the coarser width. Most batches have one for a function:
// it is the same in both.
func coarser(fine map[rollupKey]*rollup) map[rollupKey]*rollup {
	coarse := make(map[rollupKey]*rollup, len(fine))
	summed := map[rollupKey]bool{} // those that are not one of fine
	for key, r := range fine {
		key.start -= key.start % coarseRollup
		there := coarse[key]
		if there == nil {
			coarse[key] = r
			continue
		}
		if !summed[key] {
			sum := new(rollup)
			sum.merge(there)
			coarse[key], summed[key] = sum, true
		}
		coarse[key].merge(r)
	}
	return coarse
}

// newRollupFeed has the columns of the rollup tables.
func newRollupFeed() *feed {
	return &feed{name: "monitor_batch_rollups",
		columns: "start_s INTEGER, function_id INTEGER, run_id INTEGER, calls INTEGER, errors INTEGER, total_ns INTEGER, max_ns INTEGER, histogram BLOB"}
}

// writeRollups adds what the calls of a batch sum up to.
func (s *Store) writeRollups(ctx context.Context, b *sink.Batch) error {
	if len(b.Calls) == 0 {
		return nil
	}
	fine := rollUp(b.Calls, &s.places)
	if err := s.addRollups(ctx, "monitor_rollups_10s", b.Run, fine); err != nil {
		return err
	}
	return s.addRollups(ctx, "monitor_rollups_60s", b.Run, coarser(fine))
}

func (s *Store) addRollups(ctx context.Context, table string, run sink.RunID, rollups map[rollupKey]*rollup) error {
	keys := slices.SortedFunc(maps.Keys(rollups), rollupKey.compare)
	var encoded []byte
	s.rollups.show(len(keys), func(row, column int) vtab.Value {
		r := rollups[keys[row]]
		switch column {
		case 0:
			return keys[row].start
		case 1:
			return keys[row].function
		case 2:
			return int64(run)
		case 3:
			return r.calls
		case 4:
			return r.errors
		case 5:
			return r.total
		case 6:
			return r.longest
		default:
			encoded = r.durations.Append(encoded[:0])
			return encoded
		}
	})
	defer s.rollups.clear()
	_, err := s.conn.ExecContext(ctx, "INSERT INTO "+table+" SELECT * FROM temp."+s.rollups.name+` WHERE true ON CONFLICT DO UPDATE SET
		calls = calls + excluded.calls, errors = errors + excluded.errors, total_ns = total_ns + excluded.total_ns,
		max_ns = max(max_ns, excluded.max_ns), histogram = `+mergeFunction+`(histogram, excluded.histogram)`)
	if err != nil {
		return fmt.Errorf("write rollups: %w", err)
	}
	return nil
}

// mergeFunction is what mergeHistograms is called in SQL.
const mergeFunction = "monitor_merge"

// mergeHistograms returns the sum of two encoded histograms. One that is
// damaged counts as empty: what comes is worth more than what is lost already.
func (s *Store) mergeHistograms(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	there, _ := args[0].([]byte)
	come, _ := args[1].([]byte)
	var err error
	if s.encoded, err = histogram.AppendSum(s.encoded[:0], there, come); err == nil {
		return s.encoded, nil
	}
	for _, encoded := range [][]byte{come, there} {
		if histogram.Valid(encoded) {
			return encoded, nil
		}
	}
	return []byte{}, nil
}
