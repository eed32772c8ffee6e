package query

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// Bounds of a Tail.
const (
	maxSpans  = 10_000  // gaps that are remembered
	lookBack  = 200_000 // stored calls of a living run that are looked at for gaps
	tailBatch = 5_000   // calls that Next returns at most
)

// Follower sees calls as they are stored. Its methods are not called at the same
// time.
type Follower interface {
	// Changed reports whether there may be something new; it costs microseconds.
	Changed(ctx context.Context) (bool, error)
	// Skim returns the newest of the calls since, at most limit, in the order in
	// which they ended, and how many more there were.
	Skim(ctx context.Context, limit int) (calls []*Call, more int64, err error)
	// Next returns calls since, in the order in which they ended, some thousands at
	// most: when it returns any, there may be more.
	Next(ctx context.Context) ([]*Call, error)
	Close() error
}

// Follow returns the calls that are stored from now on.
func (d *DB) Follow(ctx context.Context) (Follower, error) {
	t, err := d.Tail(ctx)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Tail returns calls as they are stored. Calls are stored when they end and
// numbered when they start, so it remembers which numbers are still to come:
// for the newest 10,000 gaps between those that came. A call that ends after
// more than that many gaps opened behind it is not returned.
//
// Its methods are not called at the same time.
type Tail struct {
	db        *DB
	conn      *sql.Conn // the one that data_version is about
	version   int64
	functions map[int64]*function
	partition int64  // the newest one that was read
	unseen    []span // ascending, disjoint
}

// Tail starts behind what is stored now.
func (d *DB) Tail(ctx context.Context) (*Tail, error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return nil, d.fail("connect", err)
	}
	t := &Tail{db: d, conn: conn, unseen: []span{everyCall}}
	if _, err := t.Changed(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	if err := t.snapshot(ctx, func() error { return t.skipStored(ctx) }); err != nil {
		conn.Close()
		return nil, d.fail("find the newest calls", err)
	}
	return t, nil
}

// Close ends the tail; the DB stays open.
func (t *Tail) Close() error { return t.conn.Close() }

// Changed reports whether anything was written to the database since it was
// called before. It costs microseconds.
func (t *Tail) Changed(ctx context.Context) (bool, error) {
	var version int64
	if err := t.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return false, t.db.fail("look for changes", err)
	}
	changed := version != t.version
	t.version = version
	return changed, nil
}

// Next returns calls that were stored since, in the order in which they ended,
// at most 5,000: when it returns any, there may be more.
func (t *Tail) Next(ctx context.Context) (calls []*Call, err error) {
	err = t.snapshot(ctx, func() error {
		if t.functions, err = t.db.functions(ctx); err != nil {
			return err
		}
		if calls, err = t.read(ctx); err != nil || len(calls) == tailBatch {
			return err
		}
		return t.forgetEnded(ctx)
	})
	if err != nil {
		return nil, t.db.fail("read calls", err)
	}
	sortByEnd(calls)
	return calls, nil
}

// Skim returns the newest calls that were stored since, at most limit, in the
// order in which they ended, and how many more there were. It reads no more than
// the ids of those.
func (t *Tail) Skim(ctx context.Context, limit int) (calls []*Call, more int64, err error) {
	err = t.snapshot(ctx, func() error {
		if t.functions, err = t.db.functions(ctx); err != nil {
			return err
		}
		ids, err := t.unseenIDs(ctx)
		if err != nil {
			return err
		}
		more = int64(max(len(ids)-limit, 0))
		if calls, err = t.load(ctx, ids[more:]); err != nil {
			return err
		}
		slices.Sort(ids)
		t.unseen = bounded(without(t.unseen, ids))
		return t.forgetEnded(ctx)
	})
	if err != nil {
		return nil, 0, t.db.fail("read calls", err)
	}
	sortByEnd(calls)
	return calls, more, nil
}

// unseenIDs returns the ids of unseen calls, partition by partition.
func (t *Tail) unseenIDs(ctx context.Context) (ids []int64, err error) {
	numbers, unseen, err := t.newPartitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		more, err := t.integers(ctx, fmt.Sprintf(`SELECT c.id FROM json_each(?) AS gap CROSS JOIN calls_%06d AS c
			ON c.id BETWEEN gap.value ->> 0 AND gap.value ->> 1`, n), unseen)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
		t.partition = n
	}
	return ids, nil
}

func (t *Tail) load(ctx context.Context, ids []int64) (calls []*Call, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := t.conn.QueryContext(ctx, "SELECT "+callColumns+" FROM calls WHERE id IN (SELECT value FROM json_each(?))", string(list))
	if err != nil {
		return nil, err
	}
	return scanCalls(rows, t.functions)
}

// sortByEnd puts calls in the order in which they ended.
func sortByEnd(calls []*Call) {
	slices.SortStableFunc(calls, func(a, b *Call) int {
		return cmp.Compare(a.Start.UnixNano()+int64(a.Duration), b.Start.UnixNano()+int64(b.Duration))
	})
}

// Taken returns those of the calls that the filter takes.
func (d *DB) Taken(ctx context.Context, f Filter, calls []*Call) ([]*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	if sel.whole() || len(calls) == 0 {
		return calls, nil
	}
	ids := make([]CallID, len(calls))
	for i, c := range calls {
		ids[i] = c.ID
	}
	where := sel.where()
	rows, err := d.integers(ctx, "SELECT id FROM calls WHERE id IN (SELECT value FROM json_each(?)) AND "+where.text, append([]any{rowList(ids)}, where.args...)...)
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	taken := map[int64]bool{}
	for _, id := range rows {
		taken[id] = true
	}
	return slices.DeleteFunc(slices.Clone(calls), func(c *Call) bool { return !taken[c.ID.row()] }), nil
}

// snapshot runs do with the connection seeing one state of the database.
func (t *Tail) snapshot(ctx context.Context, do func() error) error {
	if _, err := t.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	err := do()
	if _, e := t.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err == nil {
		err = e
	}
	return err
}

// skipStored makes unseen what is not stored yet.
func (t *Tail) skipStored(ctx context.Context) error {
	numbers, err := t.integers(ctx, "SELECT max(number) FROM monitor_partitions")
	if err != nil {
		return err
	}
	t.partition = numbers[0]
	living, err := t.integers(ctx, "SELECT run_id FROM runs WHERE ended IS NULL")
	if err != nil {
		return err
	}
	for _, run := range living {
		s := runSpan(run)
		ids, err := t.integers(ctx, "SELECT id FROM calls WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?", s.low, s.high, lookBack)
		if err != nil {
			return err
		}
		slices.Reverse(ids)
		t.unseen = without(t.unseen, ids)
		if len(ids) == lookBack {
			t.unseen = clip(t.unseen, span{s.low, ids[0]})
		}
	}
	return t.forgetEnded(ctx)
}

func (t *Tail) integers(ctx context.Context, query string, args ...any) ([]int64, error) {
	return integers(ctx, t.conn, query, args...)
}

// read returns unseen calls, and makes them seen. New ones are in the newest
// partition, or in those that were the newest since the last time.
func (t *Tail) read(ctx context.Context) (calls []*Call, err error) {
	numbers, unseen, err := t.newPartitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		more, err := t.readPartition(ctx, n, unseen, tailBatch-len(calls))
		if err != nil {
			return nil, err
		}
		calls = append(calls, more...)
		if len(calls) == tailBatch {
			break
		}
		t.partition = n
	}
	ids := make([]int64, len(calls))
	for i, c := range calls {
		ids[i] = c.ID.row()
	}
	slices.Sort(ids)
	t.unseen = bounded(without(t.unseen, ids))
	return calls, nil
}

// newPartitions returns the partitions that may have unseen calls, and the gaps
// in JSON.
func (t *Tail) newPartitions(ctx context.Context) (numbers []int64, unseen string, err error) {
	numbers, err = t.integers(ctx, "SELECT number FROM monitor_partitions WHERE number >= ? ORDER BY number", t.partition)
	if err != nil {
		return nil, "", err
	}
	pairs := make([][2]int64, len(t.unseen))
	for i, s := range t.unseen {
		pairs[i] = [2]int64{s.low, s.high}
	}
	text, err := json.Marshal(pairs)
	return numbers, string(text), err
}

// readPartition looks every gap up in the table's key: reading the view
// instead would go through all calls.
func (t *Tail) readPartition(ctx context.Context, number int64, unseen string, limit int) (calls []*Call, err error) {
	query := fmt.Sprintf(`SELECT %s FROM json_each(?) AS gap CROSS JOIN calls_%06d AS c
		ON c.id BETWEEN gap.value ->> 0 AND gap.value ->> 1 LIMIT ?`, tailColumns, number)
	rows, err := t.conn.QueryContext(ctx, query, unseen, limit)
	if err != nil {
		return nil, err
	}
	return scanCalls(rows, t.functions)
}

// tailColumns are callColumns; json_each has an id of its own.
const tailColumns = "c." + callColumns

// forgetEnded drops the gaps of runs that have ended: nothing comes any more.
func (t *Tail) forgetEnded(ctx context.Context) error {
	living, err := t.integers(ctx, "SELECT run_id FROM runs WHERE ended IS NULL ORDER BY run_id")
	if err != nil {
		return err
	}
	newest, err := t.integers(ctx, "SELECT ifnull(max(run_id), 0) FROM runs")
	if err != nil {
		return err
	}
	next := int64(0) // the lowest id that is not dealt with
	for _, run := range living {
		s := runSpan(run)
		t.unseen = clip(t.unseen, span{next, s.low - 1})
		next = s.high + 1
	}
	if newest[0] > 0 {
		t.unseen = clip(t.unseen, span{next, runSpan(newest[0]).high})
	}
	return nil
}

// without takes ids, which ascend, out of spans.
func without(spans []span, ids []int64) []span {
	left := make([]span, 0, len(spans)+len(ids))
	for _, s := range spans {
		for len(ids) > 0 && ids[0] <= s.high {
			if id := ids[0]; id >= s.low {
				if id > s.low {
					left = append(left, span{s.low, id - 1})
				}
				s.low = id + 1
			}
			ids = ids[1:]
		}
		if s.low <= s.high {
			left = append(left, s)
		}
	}
	return left
}

// clip takes a whole range out of spans.
func clip(spans []span, out span) []span {
	if out.low > out.high {
		return spans
	}
	left := make([]span, 0, len(spans)+1)
	for _, s := range spans {
		if s.high < out.low || s.low > out.high {
			left = append(left, s)
			continue
		}
		if s.low < out.low {
			left = append(left, span{s.low, out.low - 1})
		}
		if s.high > out.high && out.high < math.MaxInt64 {
			left = append(left, span{out.high + 1, s.high})
		}
	}
	return left
}

// bounded drops the lowest gaps when there are too many, but never the open
// end of a run.
func bounded(spans []span) []span {
	excess := len(spans) - maxSpans
	if excess <= 0 {
		return spans
	}
	return slices.DeleteFunc(spans, func(s span) bool {
		if excess > 0 && s.high-s.low < 1<<(schema.CallBits-2) {
			excess--
			return true
		}
		return false
	})
}
