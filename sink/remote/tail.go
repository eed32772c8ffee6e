package remote

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// lookEvery is how often a tail asks the server at most.
const lookEvery = 100 * time.Millisecond

// tailBatch is about how many calls Next returns at most.
const tailBatch = 5_000

// tail is a query.Follower. The batches of a run are numbered in the order in which
// they are committed, so what is new are the calls of batches with higher numbers.
type tail struct {
	db     *DB
	looked time.Time
	seen   map[int64]int64 // the newest batch of each run that was returned
	there  map[int64]int64 // the newest that is there, of the runs that may have new ones
	living []int64         // those that had not ended when they were looked at last
	newest int64           // the highest run that is known
}

// Follow returns the calls that are stored from now on.
func (d *DB) Follow(ctx context.Context) (query.Follower, error) {
	t := &tail{db: d, seen: map[int64]int64{}}
	if _, err := t.look(ctx); err != nil {
		return nil, err
	}
	t.advance()
	return t, nil
}

// Close ends the tail; the DB stays open.
func (t *tail) Close() error { return nil }

// Changed reports whether anything was stored since what was returned. It asks the
// server ten times a second at most, and says no in between.
func (t *tail) Changed(ctx context.Context) (bool, error) {
	if time.Since(t.looked) < lookEvery {
		return false, nil
	}
	t.looked = time.Now()
	return t.look(ctx)
}

// look reads which batches there are of the runs that may have new ones: that live,
// lived when they were looked at before, or are new.
func (t *tail) look(ctx context.Context) (changed bool, err error) {
	there, living := map[int64]int64{}, []int64{}
	statement := "SELECT run_id, batches, ended FROM monitor_runs WHERE NOT ended OR run_id > ? OR " + in("run_id", t.living)
	err = t.db.each(ctx, statement, []any{t.newest}, func(rows Rows) error {
		var run, last int64
		var ended bool
		err := rows.Scan(&run, &last, &ended)
		there[run] = last
		if last > t.seen[run] {
			changed = true
		}
		if !ended || last > t.seen[run] {
			living = append(living, run)
		}
		return err
	})
	if err != nil {
		return false, t.db.fail("look for changes", err)
	}
	t.there, t.living = there, living
	return changed, nil
}

// Skim returns the newest calls that were stored since, at most limit, in the
// order in which they ended, and how many more there were.
func (t *tail) Skim(ctx context.Context, limit int) (calls []*query.Call, more int64, err error) {
	if _, err := t.look(ctx); err != nil {
		return nil, 0, err
	}
	var unseen []string
	for run, last := range t.there {
		if last > t.seen[run] {
			unseen = append(unseen, batches(run, t.seen[run], last))
		}
	}
	if len(unseen) == 0 {
		return nil, 0, nil
	}
	all, err := t.db.functions(ctx)
	if err != nil {
		return nil, 0, err
	}
	from := " FROM monitor_calls AS c WHERE (" + strings.Join(unseen, " OR ") + ")"
	calls, err = t.db.calls(ctx, all, "SELECT "+t.db.callColumns()+from+" ORDER BY c.start_ns + coalesce(c.duration_ns, 0) DESC LIMIT ?", limit)
	if err == nil && len(calls) == limit {
		_, err = t.db.one(ctx, "SELECT count(*)"+from, nil, &more)
		more -= int64(limit)
	}
	if err != nil {
		return nil, 0, t.db.fail("read calls", err)
	}
	t.advance()
	slices.Reverse(calls)
	return calls, more, nil
}

// batches is the condition for calls of a run in some of its batches.
func batches(run, after, last int64) string {
	return fmt.Sprintf("c.run_id = %d AND c.batch > %d AND c.batch <= %d", run, after, last)
}

// advance makes all that is there seen.
func (t *tail) advance() {
	for run, last := range t.there {
		t.seen[run] = last
		t.newest = max(t.newest, run)
	}
}

// Next returns calls that were stored since, in the order in which they ended:
// some thousands, when it returns any, there may be more.
func (t *tail) Next(ctx context.Context) (calls []*query.Call, err error) {
	if _, err := t.look(ctx); err != nil {
		return nil, err
	}
	all, err := t.db.functions(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Sorted(maps.Keys(t.there)) {
		for t.seen[run] < t.there[run] && len(calls) < tailBatch {
			more, err := t.db.calls(ctx, all, "SELECT "+t.db.callColumns()+" FROM monitor_calls AS c WHERE "+batches(run, t.seen[run], t.seen[run]+1))
			if err != nil {
				return nil, t.db.fail("read calls", err)
			}
			t.seen[run]++
			t.newest = max(t.newest, run)
			calls = append(calls, more...)
		}
	}
	slices.SortStableFunc(calls, func(a, b *query.Call) int {
		return cmp.Compare(a.Start.UnixNano()+int64(a.Duration), b.Start.UnixNano()+int64(b.Duration))
	})
	return calls, nil
}
