package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// printed hands on what is written, line by line.
type printed chan string

func (p printed) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		p <- line
	}
	return len(text), nil
}

// A call that is stored while tail reads what it begins with is printed once, and
// nothing of a name reaches the terminal as a command to it.
func TestTailPrintsOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	path := filepath.Join(t.TempDir(), "monitor.db")
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	run, _, err := store.Run(ctx, &spool.Info{ID: fmt.Sprintf("%032x", 1), Start: 1})
	if err != nil {
		t.Fatal(err)
	}
	work := &spool.Function{Name: "Work", Package: "example.com/m", Process: "m.Work\x1b]0;owned\a", Group: "m", Digest: [32]byte{1}}
	write := func(id uint64) {
		t.Helper()
		calls := []spool.Call{{Function: work, ID: id, Trace: id, Start: int64(id), Duration: int64(id)}}
		if err := store.Write(ctx, &sink.Batch{Run: run, Calls: calls}); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	db, err := query.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lines, done := make(printed), make(chan error, 1)
	tail := &tailing{env: &env{stdout: lines, getenv: func(string) string { return "" }}, db: db}
	tail.newest = func(ctx context.Context, f query.Filter, n int) ([]*query.Call, error) {
		write(2) // after the tail began, before the newest are read
		return db.Newest(ctx, f, n)
	}
	go func() { done <- tail.run(ctx, 10, true) }()
	want := []string{"  1ns\n", "  2ns\n", "  3ns\n"}
	for i := range want {
		if i == 2 {
			write(3)
		}
		line := <-lines
		if !strings.Contains(line, want[i]) || strings.ContainsAny(line, "\x1b\a") {
			t.Fatalf("line %d is %q, want one of the call that ends in %q", i, line, want[i])
		}
	}
	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}
