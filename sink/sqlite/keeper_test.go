//go:build unix

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/owned"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// kept is a Keeper with a drainer and runs that write.
type kept struct {
	t       *testing.T
	path    string
	keeper  *Keeper
	drainer *sink.Drainer
	calls   int
}

func keep(t *testing.T) *kept {
	t.Helper()
	k := &kept{t: t, path: filepath.Join(t.TempDir(), "m.db")}
	var err error
	if k.keeper, err = Keep(context.Background(), k.path, KeeperOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.keeper.Close() })
	k.drainer = sink.NewDrainer(sink.DrainerOptions{Spool: k.path + "-spool", Store: k.keeper})
	return k
}

// publish has two living runs record calls.
func (k *kept) publish(runs ...*spooltest.Run) {
	k.calls++
	for _, r := range runs {
		r.Segment(wire.LaneNormal, 0, uint32(k.calls), append(prices(uint64(k.calls)), spooltest.End())...)
	}
}

func prices(ids ...uint64) (records [][]byte) {
	for _, id := range ids {
		records = append(records, spooltest.Price(id).Record())
	}
	return records
}

// drain drains until it succeeds, which it has to within a few passes.
func (k *kept) drain() {
	k.t.Helper()
	var err error
	for range 3 {
		if _, err = k.drainer.Once(context.Background()); err == nil {
			return
		}
	}
	k.t.Fatal(err)
}

// Whatever becomes of the file, the next calls are in one that is whole; those
// that were in the spool still come, and each run's calls are its own.
func TestKeeper(t *testing.T) {
	cases := []struct {
		name  string
		ruin  func(k *kept) error
		aside bool // the file is kept under another name
		want  string
	}{
		{name: "removed", ruin: func(k *kept) error { return os.Remove(k.path) }, want: "[[2 1] [2 1]]"},
		{name: "removed with its log", ruin: func(k *kept) error {
			return errors.Join(os.Remove(k.path), os.Remove(k.path+"-wal"), os.Remove(k.path+"-shm"))
		}, want: "[[2 1] [2 1]]"},
		{name: "replaced", ruin: func(k *kept) error {
			other := filepath.Join(k.t.TempDir(), "other.db")
			s := openStore(k.t, other)
			drainOnce(k.t, writeRunFolder(k.t, 9), s) // its run 1 is another one
			return errors.Join(s.Close(), os.Rename(other, k.path))
		}, want: "[[2 1] [2 1] [90 90]]"},
		{name: "truncated", ruin: func(k *kept) error { return os.Truncate(k.path, 3*pageSize) }, aside: true, want: "[[2 1] [2 1]]"},
		{name: "emptied", ruin: func(k *kept) error { return os.Truncate(k.path, 0) }, aside: true, want: "[[2 1] [2 1]]"},
		{name: "damaged", ruin: func(k *kept) error {
			// As after a power cut: what is in the log is in the file, which is damaged, and opened anew.
			k.keeper.Close()
			return overwrite(k.path, 4*pageSize, 40*pageSize)
		}, aside: true, want: "[[2 1] [2 1]]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := keep(t)
			k.t = t
			var runs []*spooltest.Run
			for n := byte(1); n <= 2; n++ {
				r := spooltest.New(t, k.path+"-spool", n)
				r.Define(spooltest.Desk(), "")
				runs = append(runs, r)
			}
			k.publish(runs...)
			k.drain()
			if err := c.ruin(k); err != nil {
				t.Fatal(err)
			}
			k.publish(runs...)
			k.drain()
			db := reader(t, k.path)
			got := query(t, db, "SELECT max(call_id), count(*) FROM process_trace JOIN runs USING (run_id) GROUP BY uuid ORDER BY 1, 2")
			if fmt.Sprint(got) != c.want {
				t.Errorf("calls by run: %v, want %s", got, c.want)
			}
			wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
			aside, err := filepath.Glob(k.path + ".damaged-*Z")
			if err != nil || (len(aside) == 1) != c.aside {
				t.Errorf("set aside: %v, %v", aside, err)
			}
		})
	}
}

// overwrite puts noise into a part of a file.
func overwrite(path string, from, to int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(strings.Repeat("noise!", int(min(to, info.Size())-from)/6)), from)
	return err
}

// writeRunFolder is a spool with one dead run of 90 calls.
func writeRunFolder(t *testing.T, n byte) string {
	folder := t.TempDir()
	writeRun(t, folder, n, 90).Die()
	return folder
}

// A database that nobody could make good by waiting is an error at once; one that
// is locked is opened when it can be.
func TestKeepRefuses(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	s := openStore(t, newer)
	if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schema.Version+1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(newer, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		newer: schema.ErrNewer, foreign: schema.ErrNotOurs, link: owned.ErrForeign, filepath.Join(dir, "none", "m.db"): os.ErrNotExist,
	} {
		before, _ := os.ReadFile(path)
		if _, err := Keep(ctx, path, KeeperOptions{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadFile(path); string(before) != string(after) {
			t.Errorf("%s was changed", path)
		}
	}
}

// A database that fails in the middle of being opened is an error, no panic: the
// process is the user's.
func TestOpenFailsHalfway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	for _, statement := range []string{"DROP VIEW calls", "DROP TABLE calls_000001"} {
		if _, err := s.conn.ExecContext(context.Background(), statement); err != nil {
			t.Skipf("%s: %v", statement, err)
		}
	}
	s.Close()
	if _, err := Open(context.Background(), path); err == nil {
		t.Error("a database without a table for calls was opened")
	}
}
