package query_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

var work = &spool.Function{Name: "Work", Package: "example.com/m", Process: "m.Work", Group: "example.com/m", Digest: [32]byte{1}}

// recording writes runs of calls of Work.
type recording struct {
	t     *testing.T
	store *sqlite.Store
	path  string
}

func newRecording(t *testing.T) *recording {
	path := filepath.Join(t.TempDir(), "m.db")
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &recording{t, store, path}
}

func (r *recording) run(n int, session string) sink.RunID {
	r.t.Helper()
	id, _, err := r.store.Run(context.Background(), &spool.Info{ID: fmt.Sprintf("%032x", n), Start: 1, Session: session})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// write stores calls: the id, and the caller's; the trace is that of call 1.
func (r *recording) write(run sink.RunID, ended bool, calls ...[2]uint64) {
	r.t.Helper()
	b := &sink.Batch{Run: run, Ended: ended}
	for _, c := range calls {
		b.Calls = append(b.Calls, spool.Call{Function: work, ID: c[0], Parent: c[1], Trace: 1, Start: int64(c[0]) * 1000, Duration: int64(c[0])})
	}
	if err := r.store.Write(context.Background(), b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recording) open() *query.DB {
	r.t.Helper()
	db, err := query.Open(context.Background(), r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { db.Close() })
	return db
}

func ids(calls []*query.Call) []string {
	names := []string{}
	for _, c := range calls {
		names = append(names, c.ID.String())
	}
	slices.Sort(names)
	return names
}

// A caller is stored after its calls and has a lower number.
func TestTailReturnsEachCallOnce(t *testing.T) {
	ctx := context.Background()
	r := newRecording(t)
	old, living := r.run(1, ""), r.run(2, "")
	r.write(old, true, [2]uint64{1, 0}, [2]uint64{5, 1})
	r.write(living, false, [2]uint64{3, 2})
	tail, err := r.open().Tail(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	if changed, err := tail.Changed(ctx); changed || err != nil {
		t.Fatalf("Changed = %v, %v before anything was written", changed, err)
	}
	steps := []struct {
		write func()
		want  []string
	}{
		{func() { r.write(living, false, [2]uint64{2, 1}) }, []string{"2:2"}},
		{func() { r.write(living, false, [2]uint64{4, 1}, [2]uint64{70, 1}) }, []string{"2:4", "2:70"}},
		{func() { r.write(r.run(3, ""), false, [2]uint64{9, 1}) }, []string{"3:9"}},
		{func() { r.write(living, true, [2]uint64{1, 0}, [2]uint64{69, 1}) }, []string{"2:1", "2:69"}},
		{func() { r.write(3, true, [2]uint64{1, 0}) }, []string{"3:1"}},
	}
	for i, s := range steps {
		s.write()
		if changed, err := tail.Changed(ctx); !changed || err != nil {
			t.Fatalf("step %d: Changed = %v, %v", i, changed, err)
		}
		calls, err := tail.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(calls); !slices.Equal(got, s.want) {
			t.Errorf("step %d: %v, want %v", i, got, s.want)
		}
		if more, err := tail.Next(ctx); len(more) > 0 || err != nil {
			t.Errorf("step %d: again %v, %v", i, ids(more), err)
		}
	}
}

func TestTreeIsBounded(t *testing.T) {
	ctx := context.Background()
	r := newRecording(t)
	run := r.run(1, "")
	const last = query.MaxNodes + 50
	calls := [][2]uint64{{1, 0}, {2, 1}}
	for id := uint64(3); id <= last; id++ {
		calls = append(calls, [2]uint64{id, 2})
	}
	calls = append(calls, [2]uint64{last + 1, 1}, [2]uint64{last + 2, last + 1})
	r.write(run, true, calls...)
	db := r.open()
	focus := query.CallID{Run: 1, Call: last + 2}
	for _, tt := range []struct {
		root, total, loaded int64
		focus               query.CallID
	}{
		{1, last + 2, query.MaxNodes, query.CallID{}},
		{1, last + 2, query.MaxNodes + 2, focus},
		{2, last - 1, query.MaxNodes, query.CallID{}},
		{last + 1, 2, 2, focus},
	} {
		tree, err := query.LoadTree(ctx, db, query.CallID{Run: 1, Call: tt.root}, tt.focus)
		if err != nil {
			t.Fatal(err)
		}
		if tree.Total != tt.total || tree.Loaded != tt.loaded {
			t.Errorf("tree of %d: %d of %d, want %d of %d", tt.root, tree.Loaded, tree.Total, tt.loaded, tt.total)
		}
		if tt.focus != (query.CallID{}) && (tree.Focus == nil || tree.Focus.Caller().ID.Call != last+1) {
			t.Errorf("tree of %d: focus %+v", tt.root, tree.Focus)
		}
	}
}

func TestFunctionsOfSession(t *testing.T) {
	ctx := context.Background()
	r := newRecording(t)
	for n, session := range []string{"a", "b", "b", "a", "b"} {
		r.write(r.run(n+1, session), true, [2]uint64{1, 0}, [2]uint64{uint64(n) + 2, 1})
	}
	db := r.open()
	for _, tt := range []struct {
		filter query.Filter
		calls  int64
		max    time.Duration
	}{
		{query.Filter{}, 10, 6}, {query.Filter{Session: "a"}, 4, 5}, {query.Filter{Session: "b"}, 6, 6},
		{query.Filter{Session: "b", Since: time.Unix(0, 2000)}, 3, 6},
		{query.Filter{Session: "none"}, 0, 0}, {query.Filter{Function: "Other"}, 0, 0},
	} {
		got, err := db.Functions(ctx, tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if tt.calls == 0 && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Calls != tt.calls || got[0].Max != tt.max {
			t.Errorf("%+v: %+v, want %d calls", tt.filter, got, tt.calls)
		}
		newest, err := db.Newest(ctx, tt.filter, 100)
		if err != nil || int64(len(newest)) != tt.calls {
			t.Errorf("%+v: %d calls, %v, want %d", tt.filter, len(newest), err, tt.calls)
		}
	}
}
