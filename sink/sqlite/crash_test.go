//go:build unix

package sqlite

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// killer is a Store whose process is killed at the nth Write: before it, or
// after it has committed.
type killer struct {
	*Store
	at    int
	after bool
}

func (k *killer) Write(ctx context.Context, b *sink.Batch) error {
	k.at--
	if k.at == 0 && !k.after {
		kill()
	}
	err := k.Store.Write(ctx, b)
	if k.at == 0 {
		kill()
	}
	return err
}

func kill() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// TestMain is the program that a test starts in order to kill it.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("MONITORGEN_TEST_SHOP") != "":
		runShop()
	case os.Getenv("MONITORGEN_TEST_DRAIN") != "":
		runDrainer(os.Getenv("MONITORGEN_TEST_DRAIN"))
	case os.Getenv("MONITORGEN_TEST_GRAFT") != "":
		runGraft(os.Getenv("MONITORGEN_TEST_GRAFT"))
	default:
		os.Exit(m.Run())
	}
}

// runDrainer drains once, and gets killed at the write that TestKill says.
func runDrainer(path string) {
	at, _ := strconv.Atoi(os.Getenv("MONITORGEN_TEST_KILL"))
	s, err := Open(context.Background(), path)
	if err != nil {
		panic(err)
	}
	k := &killer{Store: s, at: at, after: os.Getenv("MONITORGEN_TEST_WHEN") == "after"}
	_, err = sink.NewDrainer(sink.DrainerOptions{Spool: path + "-spool", Store: k, BatchSize: 20}).Once(context.Background())
	if err != nil {
		panic(err)
	}
}

// A drainer that is killed at any of its writes, before or after the commit:
// the next one stores the rest, and every call is there once.
func TestKill(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		for at := 1; ; at++ {
			path := filepath.Join(t.TempDir(), "m.db")
			writeRun(t, path+"-spool", 1, 90).Die()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), "MONITORGEN_TEST_DRAIN="+path, "MONITORGEN_TEST_KILL="+strconv.Itoa(at), "MONITORGEN_TEST_WHEN="+when)
			out, err := child.CombinedOutput()
			killed := child.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
			if err != nil && !killed {
				t.Fatalf("%v\n%s", err, out)
			}
			drainOnce(t, path+"-spool", openStore(t, path))
			db := reader(t, path)
			wantRows(t, db, "SELECT count(*), count(DISTINCT id), sum(status) FROM calls", []string{"90", "90", "12"})
			wantRows(t, db, "SELECT name, sum(value) FROM sink_stats WHERE name IN ('calls', 'duplicates', 'errors') GROUP BY name",
				[]string{"calls", "90"}, []string{"errors", "12"})
			wantRows(t, db, "SELECT count(*), count(ended) FROM runs", []string{"1", "1"})
			wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
			if left, err := os.ReadDir(path + "-spool"); err != nil || len(left) > 0 {
				t.Errorf("killed %s write %d: left in the spool: %v, %v", when, at, left, err)
			}
			if !killed {
				if at < 5 {
					t.Errorf("only %d writes", at-1)
				}
				break
			}
		}
	}
}

// Two stores write one database: each waits for the other, and each sees the
// partitions that the other adds.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	a, b := openStore(t, path), openStore(t, path)
	a.perTable, b.perTable = 100, 100
	for n := byte(0); n < 8; n += 2 {
		folder := filepath.Join(t.TempDir(), "spool")
		writeRun(t, folder, n+1, 60).Die()
		other := filepath.Join(t.TempDir(), "spool")
		writeRun(t, other, n+2, 60).Die()
		done := make(chan error)
		go func() {
			_, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: a, BatchSize: 7}).Once(context.Background())
			done <- err
		}()
		drainOnce(t, other, b)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	db := reader(t, path)
	wantRows(t, db, "SELECT count(*), count(DISTINCT id), count(DISTINCT id >> 40) FROM calls", []string{"480", "480", "8"})
	wantRows(t, db, "SELECT count(*) FROM functions", []string{"2"})
	wantRows(t, db, "SELECT sum(rows), max(number) >= 4 FROM monitor_partitions", []string{"480", "1"})
}

// The error lane comes first: what a drainer stores before it is killed is errors.
func TestErrorsFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	w := spooltest.New(t, path+"-spool", 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
	w.Segment(wire.LaneError, 3, 1, spooltest.Fail(2, 1).Record())
	w.Die()
	s := openStore(t, path)
	first := &firstBatch{Store: s}
	if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: path + "-spool", Store: first, BatchSize: 1}).Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(first.calls) != 1 || first.calls[0].ID != 2 {
		t.Errorf("%+v", first.calls)
	}
}

type firstBatch struct {
	*Store
	calls []spool.Call
}

func (f *firstBatch) Write(ctx context.Context, b *sink.Batch) error {
	if f.calls == nil {
		f.calls = append(f.calls, b.Calls...)
	}
	return f.Store.Write(ctx, b)
}
