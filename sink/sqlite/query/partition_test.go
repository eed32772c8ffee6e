package query_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// manyPartitions writes three runs side by side, some of whose calls take long, into
// tables of a few minutes, and returns the path and when the last batch was written.
func manyPartitions(t *testing.T) (path string, end time.Time) {
	t.Helper()
	ctx := context.Background()
	path = filepath.Join(t.TempDir(), "m.db")
	now := time.Unix(1_700_000_000, 0)
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Now: func() time.Time { return now }, Retention: sqlite.Retention{Age: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	random := rand.New(rand.NewPCG(5, 6))
	var functions []*spool.Function
	for i := range 5 {
		functions = append(functions, &spool.Function{Name: fmt.Sprint("F", i), Process: fmt.Sprint("m.F", i), Digest: [32]byte{byte(i + 1)}})
	}
	var runs []sink.RunID
	for i := range 3 {
		id, _, err := store.Run(ctx, &spool.Info{ID: fmt.Sprintf("%032x", i), Start: 1})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, id)
	}
	next := uint64(0)
	var open []spool.Call // that end in a later batch
	for range 45 {        // a minute each
		now = now.Add(time.Minute)
		run := runs[random.IntN(len(runs))]
		b := &sink.Batch{Run: run, Calls: open}
		if run != runs[0] {
			b.Calls = nil
		} else {
			open = nil
		}
		for range random.IntN(40) {
			next++
			c := spool.Call{Function: functions[min(random.IntN(12), 4)], ID: next, Trace: next, Start: now.UnixNano() + int64(next), Duration: random.Int64N(1000)}
			if random.IntN(6) == 0 {
				c.Flags, c.Exception = wire.FlagError, "failed"
			}
			if run == runs[0] && random.IntN(10) == 0 {
				c.Duration = int64(5 * time.Minute)
				open = append(open, c)
				continue
			}
			b.Calls = append(b.Calls, c)
		}
		if err := store.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			if more, err = store.Maintain(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path, now
}

// texts are the ids of calls, in their order.
func texts(calls []*query.Call) []string {
	var all []string
	for _, c := range calls {
		all = append(all, c.ID.String())
	}
	return all
}

// What is looked for table by table is what a look at all calls finds.
func TestPartitionByPartition(t *testing.T) {
	path, end := manyPartitions(t)
	ctx := context.Background()
	db, err := query.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := db.SQL(ctx, "SELECT count(*) FROM monitor_partitions", 1)
	if err != nil || tables.Rows[0][0].(int64) < 5 {
		t.Fatalf("too few tables: %v, %v", tables, err)
	}
	all, err := db.Calls(ctx, query.Filter{}, query.Page{Order: query.SlowestFirst, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	byID := func(a, b *query.Call) int {
		return cmp.Or(cmp.Compare(a.ID.Run, b.ID.Run), cmp.Compare(a.ID.Call, b.ID.Call))
	}
	byStart := func(a, b *query.Call) int { return cmp.Or(a.Start.Compare(b.Start), byID(a, b)) }
	inOrder := func(limit int, takes func(*query.Call) bool, compare func(a, b *query.Call) int) []string {
		found := slices.DeleteFunc(slices.Clone(all), func(c *query.Call) bool { return !takes(c) })
		slices.SortFunc(found, compare)
		return texts(found[:min(limit, len(found))])
	}
	first := func(limit int, takes func(*query.Call) bool, compare func(a, b *query.Call) int) []string {
		return slices.Sorted(slices.Values(inOrder(limit, takes, compare)))
	}
	failing, err := filter.Parse("status:err")
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := filter.Parse("status:err arg.nosuch:1 -trace:1:1 dur:>1ns text")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		query.Filter
		takes func(*query.Call) bool
	}{
		"all":        {query.Filter{}, func(*query.Call) bool { return true }},
		"a function": {query.Filter{Function: "m.F1"}, func(c *query.Call) bool { return c.Process == "m.F1" }},
		"functions":  {query.Filter{Function: "m.F"}, func(*query.Call) bool { return true }},
		"none":       {query.Filter{Function: "m.G"}, func(*query.Call) bool { return false }},
		"a run":      {query.Filter{Runs: []int64{2}}, func(c *query.Call) bool { return c.ID.Run == 2 }},
		"nothing":    {query.Filter{Query: nothing}, func(c *query.Call) bool { return false }},
		"errors":     {query.Filter{Query: failing}, func(c *query.Call) bool { return c.Failed }},
		"since":      {query.Filter{Since: end.Add(-10 * time.Minute)}, func(c *query.Call) bool { return !c.Start.Before(end.Add(-10 * time.Minute)) }},
		"until":      {query.Filter{Until: end.Add(-30 * time.Minute)}, func(c *query.Call) bool { return c.Start.Before(end.Add(-30 * time.Minute)) }},
	} {
		descending := func(a, b *query.Call) int { return byStart(b, a) }
		for _, limit := range []int{1, 7, 60, 5000} {
			newest, err := db.Newest(ctx, f.Filter, limit)
			if want := first(limit, f.takes, descending); err != nil || !slices.Equal(ids(newest), want) {
				t.Errorf("%s: the newest %d are %v, want %v: %v", name, limit, ids(newest), want, err)
			}
			failed, err := db.Errors(ctx, f.Filter, limit)
			if want := first(limit, func(c *query.Call) bool { return c.Failed && f.takes(c) }, descending); err != nil || !slices.Equal(ids(failed), want) {
				t.Errorf("%s: the newest %d errors are %v, want %v: %v", name, limit, ids(failed), want, err)
			}
			page, err := db.Calls(ctx, f.Filter, query.Page{Order: query.OldestFirst, Limit: limit})
			if want := first(limit, f.takes, byID); err != nil || !slices.Equal(ids(page), want) {
				t.Errorf("%s: the first %d are %v, want %v: %v", name, limit, ids(page), want, err)
			}
			failures, err := db.Failures(ctx, f.Filter, limit)
			var newestFailed []string
			for _, x := range failures {
				newestFailed = append(newestFailed, x.ID.String())
			}
			want := inOrder(limit, func(c *query.Call) bool { return c.Failed && f.takes(c) }, func(a, b *query.Call) int { return byID(b, a) })
			if err != nil || !slices.Equal(newestFailed, want) {
				t.Errorf("%s: the newest %d failures are %v, want %v: %v", name, limit, newestFailed, want, err)
			}
		}
		marks, err := db.Marks(ctx, f.Filter, 10, query.Marks{})
		if err == nil && len(marks.At) > 1 {
			marks, err = db.Marks(ctx, f.Filter, 10, query.Marks{At: marks.At[:len(marks.At)-1]}) // counted on
		}
		all := inOrder(5000, f.takes, byID)
		var every10th []string
		for i := 9; i < len(all); i += 10 {
			every10th = append(every10th, all[i])
		}
		var at []string
		for _, id := range marks.At {
			at = append(at, id.String())
		}
		if err != nil || marks.Total != int64(len(all)) || !slices.Equal(at, every10th) {
			t.Errorf("%s: counted %d with marks at %v, want %d, %v: %v", name, marks.Total, at, len(all), every10th, err)
		}
		byDuration := func(a, b *query.Call) int { return cmp.Or(cmp.Compare(a.Duration, b.Duration), byID(a, b)) }
		fastest := inOrder(5000, f.takes, byDuration)
		slowest := slices.Clone(fastest)
		slices.Reverse(slowest)
		for order, want := range map[query.Order][]string{query.SlowestFirst: slowest, query.FastestFirst: fastest} {
			for _, skip := range []int{0, 0, 11} { // the second time it is remembered
				page, err := db.Calls(ctx, f.Filter, query.Page{Order: order, Limit: 9, Skip: int64(skip)})
				if from := min(skip, len(want)); err != nil || !slices.Equal(texts(page), want[from:min(skip+9, len(want))]) {
					t.Errorf("%s: by duration (%d) after %d: %v, want %v: %v", name, order, skip, texts(page), want, err)
				}
				if len(page) < 9 {
					continue
				}
				next, err := db.Calls(ctx, f.Filter, query.Page{Order: order, Limit: 9, After: page[8].ID, AfterDuration: int64(page[8].Duration)})
				if err != nil || !slices.Equal(texts(next), want[skip+9:min(skip+18, len(want))]) {
					t.Errorf("%s: by duration (%d), after the page after %d: %v: %v", name, order, skip, texts(next), err)
				}
				back, err := db.Calls(ctx, f.Filter, query.Page{Order: order, Limit: 9, Before: page[8].ID, BeforeDuration: int64(page[8].Duration)})
				if err != nil || !slices.Equal(texts(back), want[max(skip-1, 0):skip+8]) {
					t.Errorf("%s: by duration (%d), before the last of the page after %d: %v: %v", name, order, skip, texts(back), err)
				}
			}
		}
	}
}

// What was found by duration is not taken for what there is once calls were added,
// whichever their ids.
func TestSlowestOfAGrowingTable(t *testing.T) {
	r := newRecording(t)
	run := r.run(1, "")
	r.write(run, false, [2]uint64{5, 0}, [2]uint64{9, 0})
	db := r.open()
	slowest := func(pin uint64) string {
		t.Helper()
		calls, err := db.Calls(context.Background(), query.Filter{Pin: query.CallID{Run: int64(run), Call: int64(pin)}}, query.Page{Order: query.SlowestFirst, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(texts(calls))
	}
	for _, step := range []struct {
		added uint64
		pin   uint64
		want  string
	}{{0, 9, "[1:9 1:5]"}, {7, 9, "[1:9 1:7]"}, {0, 8, "[1:7 1:5]"}, {12, 12, "[1:12 1:9]"}} {
		if step.added > 0 {
			r.write(run, false, [2]uint64{step.added, 0})
		}
		if got := slowest(step.pin); got != step.want {
			t.Errorf("with %d added, up to %d: %s, want %s", step.added, step.pin, got, step.want)
		}
	}
}
