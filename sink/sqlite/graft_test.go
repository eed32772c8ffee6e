//go:build unix

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// rewritten has SQLite write a whole database anew in another form.
func rewritten(t *testing.T, path string, pragmas ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range append(pragmas, "VACUUM") {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(statement, err)
		}
	}
}

// fillPartition writes calls of several functions, in an order that no index has, and a
// batch more so that their partition is closed.
func fillPartition(t *testing.T, s *Store, run sink.RunID, calls int) {
	t.Helper()
	s.perTable = int64(calls)
	var functions []*spool.Function
	for i := range 7 {
		name := fmt.Sprintf("F%d", i)
		functions = append(functions, &spool.Function{Name: name, Process: name, Digest: [32]byte{byte(i)}})
	}
	next := 1
	for _, count := range []int{calls / 3, calls - calls/3, 1} {
		b := &sink.Batch{Run: run}
		for range count {
			b.Calls = append(b.Calls, spool.Call{ID: uint64(next), Trace: uint64(next), Function: functions[next*5%len(functions)], Start: int64(1e18 + next*7919%5003)})
			next++
		}
		if err := s.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// wantIndexed looks at the first partition as any SQL client sees it.
func wantIndexed(t *testing.T, path string, calls int) {
	t.Helper()
	db := reader(t, path)
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
	wantRows(t, db, "SELECT indexed, rows FROM monitor_partitions WHERE number = 1", []string{"1", fmt.Sprint(calls)})
	wantRows(t, db, "SELECT count(*) FROM calls_000001 INDEXED BY calls_000001_function WHERE function_id > 0", []string{fmt.Sprint(calls)})
	plan := fmt.Sprint(query(t, db, "EXPLAIN QUERY PLAN SELECT * FROM calls_000001 WHERE function_id = 3 ORDER BY start_ns DESC LIMIT 5"))
	if !strings.Contains(plan, "calls_000001_function") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the plan: %s", plan)
	}
	for _, order := range []string{"start_ns, id", "start_ns DESC, id DESC"} {
		by := query(t, db, "SELECT id FROM calls_000001 INDEXED BY calls_000001_function WHERE function_id = 3 ORDER BY "+order)
		plain := query(t, db, "SELECT id FROM calls_000001 NOT INDEXED WHERE function_id = 3 ORDER BY "+order)
		if fmt.Sprint(by) != fmt.Sprint(plain) {
			t.Errorf("by the index there are other calls, or in another order, than in the table: %d, %d", len(by), len(plain))
		}
	}
}

// The index of a closed partition, of one page up to trees of four levels, made of what
// was noted or of what is read again.
func TestGraftedIndex(t *testing.T) {
	for _, c := range []struct {
		name   string
		calls  int
		form   []string
		reopen bool
	}{
		{"one page", 5, nil, false},
		{"a page and a half", 500, nil, false},
		{"many leaves", 20_000, nil, false},
		{"small pages", 20_000, []string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512"}, false},
		{"read again", 20_000, []string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 1024"}, true},
		{"large pages", 20_000, []string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 65536"}, false},
		{"pages that tell of pages", 2_000, []string{"PRAGMA auto_vacuum = FULL"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.db")
			s := openStore(t, path)
			if len(c.form) > 0 {
				s.Close()
				rewritten(t, path, c.form...)
				s = openStore(t, path)
			}
			fillPartition(t, s, knownRun(t, s, "a"), c.calls)
			if c.reopen {
				s.Close()
				s = openStore(t, path)
			}
			for more := true; more; {
				var err error
				if more, err = s.Maintain(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			wantIndexed(t, path, c.calls)
			if s.noted[0] == nil == !c.reopen || s.noted[1] != nil {
				t.Errorf("noted: %v", s.noted)
			}
			// Every page of it is found again by who takes it away.
			if _, err := s.conn.ExecContext(context.Background(), "DROP INDEX calls_000001_function"); err != nil {
				t.Fatal(err)
			}
			wantRows(t, reader(t, path), "PRAGMA integrity_check", []string{"ok"})
		})
	}
}

// A process that is killed when the pages are written, and the index is not committed,
// leaves a table without the index; who comes next makes it.
func TestKilledGraft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	fillPartition(t, s, knownRun(t, s, "a"), 20_000)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "MONITORGEN_TEST_GRAFT="+path)
	out, err := child.CombinedOutput()
	if child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%v\n%s", err, out)
	}
	db := reader(t, path)
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
	wantRows(t, db, "SELECT count(*) FROM sqlite_schema WHERE name = 'calls_000001_function'", []string{"0"})
	wantRows(t, db, "SELECT indexed FROM monitor_partitions WHERE number = 1", []string{"0"})
	if _, err := s.Maintain(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantIndexed(t, path, 20_000)
}

// runGraft makes the index, with the pages in the log, and is killed before it commits.
func runGraft(path string) {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		panic(err)
	}
	entries, err := s.entriesOf(ctx, 1, 20_000)
	if err != nil {
		panic(err)
	}
	g, err := openGraft(ctx, path)
	if err != nil {
		panic(err)
	}
	tree, err := g.layOut(entries)
	if err == nil {
		err = g.exec(ctx, "PRAGMA cache_size = 1") // what is written does not stay in memory
	}
	if err == nil {
		err = g.index(ctx, 1, &indexes[len(indexes)-1], tree)
	}
	if err != nil {
		panic(err)
	}
	kill()
}
