package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink"
)

// stored sums up the calls of a batch that were not there before.
type stored struct {
	calls, failed int64
	from          map[int64]int64 // calls by the beginning of their partition
	rollups       map[rollupKey]*rollup
}

// rollupKey is a row of monitor_rollups; all of a batch is of one run.
type rollupKey struct{ start, function int64 }

type rollup struct {
	calls, errors, total, longest int64
	durations                     histogram.Histogram
}

func newStored() *stored { return &stored{from: map[int64]int64{}, rollups: map[rollupKey]*rollup{}} }

// add adds a call. One that its sample left out has no duration.
func (n *stored) add(function, start, duration int64, timed, failed bool) {
	key := rollupKey{floor(start, int64(time.Minute)) / int64(time.Second), function}
	r := n.rollups[key]
	if r == nil {
		r = new(rollup)
		n.rollups[key] = r
	}
	n.calls++
	n.from[beginning(start)]++
	r.calls++
	if failed {
		n.failed++
		r.errors++
	}
	if timed {
		r.total += duration
		r.longest = max(r.longest, duration)
		r.durations.Record(duration)
	}
}

// ask asks the server which those of a batch are.
func (n *stored) ask(ctx context.Context, tx pgx.Tx, run sink.RunID, batch int64) error {
	rows, err := tx.Query(ctx, "SELECT function_id, start_ns, coalesce(duration_ns, 0), duration_ns IS NOT NULL, failed FROM monitor_calls WHERE run_id = $1 AND batch = $2", int64(run), batch)
	if err != nil {
		return err
	}
	var function, start, duration int64
	var timed, failed bool
	_, err = pgx.ForEachRow(rows, []any{&function, &start, &duration, &timed, &failed}, func() error {
		n.add(function, start, duration, timed, failed)
		return nil
	})
	return err
}

// rollUp adds the sums to those that are stored. Nobody else does for this run: its
// row is locked.
func (n *stored) rollUp(ctx context.Context, tx pgx.Tx, run sink.RunID) error {
	if len(n.rollups) == 0 {
		return nil
	}
	var starts, functions []int64
	for key := range n.rollups {
		starts, functions = append(starts, key.start), append(functions, key.function)
	}
	rows, err := tx.Query(ctx, `SELECT start_s, function_id, calls, errors, total_ns, max_ns, histogram FROM monitor_rollups
		JOIN unnest($2::bigint[], $3::bigint[]) AS of (start_s, function_id) USING (start_s, function_id) WHERE run_id = $1`, int64(run), starts, functions)
	if err != nil {
		return err
	}
	var key rollupKey
	var had rollup
	var encoded []byte
	_, err = pgx.ForEachRow(rows, []any{&key.start, &key.function, &had.calls, &had.errors, &had.total, &had.longest, &encoded}, func() error {
		r := n.rollups[key]
		r.calls += had.calls
		r.errors += had.errors
		r.total += had.total
		r.longest = max(r.longest, had.longest)
		if histogram.Valid(encoded) { // what comes is worth more than what is lost already
			return r.durations.Merge(encoded)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return n.write(ctx, tx, run)
}

func (n *stored) write(ctx context.Context, tx pgx.Tx, run sink.RunID) error {
	var starts, functions, calls, errors, totals, longest []int64
	var histograms [][]byte
	for key, r := range n.rollups {
		starts, functions = append(starts, key.start), append(functions, key.function)
		calls, errors = append(calls, r.calls), append(errors, r.errors)
		totals, longest = append(totals, r.total), append(longest, r.longest)
		histograms = append(histograms, r.durations.Append([]byte{}))
	}
	_, err := tx.Exec(ctx, `INSERT INTO monitor_rollups (run_id, start_s, function_id, calls, errors, total_ns, max_ns, histogram)
		SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[])
		ON CONFLICT (run_id, start_s, function_id) DO UPDATE SET calls = excluded.calls, errors = excluded.errors, total_ns = excluded.total_ns,
			max_ns = excluded.max_ns, histogram = excluded.histogram`,
		int64(run), starts, functions, calls, errors, totals, longest, histograms)
	return err
}
