//go:build unix

package archive

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// TestMain is also the child that archives and is killed at a step.
func TestMain(m *testing.M) {
	at := os.Getenv("MONITORGEN_TEST_STEP")
	if at == "" {
		os.Exit(m.Run())
	}
	step = func(name string) {
		if name == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	a, err := Open(os.Args[1], os.Getenv, nil)
	if err == nil {
		_, err = a.Keep(context.Background(), os.Args[2], table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const table = "calls_000001"

// recorded makes a database with the calls of two runs, of which every seventh failed.
func recorded(t *testing.T, calls int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "m.db")
	for n := byte(1); n <= 2; n++ {
		w := spooltest.New(t, path+"-spool", n)
		w.Define(spooltest.Desk(), "session")
		var normal, failed [][]byte
		for id := 1; id <= calls; id++ {
			c := spooltest.Price(uint64(id))
			if id%7 == 0 {
				c = spooltest.Fail(uint64(id), uint64(id-1))
				failed = append(failed, c.Record())
				continue
			}
			normal = append(normal, c.Record())
		}
		w.Segment(wire.LaneError, 0, 1, failed...)
		w.Segment(wire.LaneNormal, 0, 1, normal...)
		w.Die()
	}
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: path + "-spool", Store: store}).Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// traces are all that a database says of its calls, in an order of their own.
func traces(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT r.uuid, r.program, r.args, r.ended IS NULL, p.call_id, p.ts, p.process, p.status, p.duration_ms, p.exception, p.process_group, p.parent_id,
			p.trace_id, p.depth, p.goroutine, c.data, c.flags, f.source, f.data, f.signature, s.stack
		FROM process_trace p JOIN runs r USING (run_id) JOIN calls c ON c.id = p.run_id << 40 | p.call_id JOIN functions f USING (function_id)
		LEFT JOIN error_stacks s ON s.run_id = p.run_id AND s.call_id = p.call_id ORDER BY 1, 5`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		values := make([]any, 21)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// roundTrip archives a database twice and restores it.
func roundTrip(t *testing.T, target string, getenv func(string) string) {
	t.Helper()
	ctx, path := context.Background(), recorded(t, 1500)
	a, err := Open(target, getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := a.List(ctx); err != nil || len(entries) > 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	name, err := a.Keep(ctx, path, table)
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Keep(ctx, path, table)
	if err != nil || again != name {
		t.Fatalf("archived again as %q, not %q: %v", again, name, err)
	}
	entries, err := a.List(ctx)
	if err != nil || len(entries) != 1 || entries[0].Name != name || entries[0].Size == 0 {
		t.Fatalf("%+v, %v", entries, err)
	}
	if first, last, ok := entries[0].Span(); !ok || first.Unix() != 1700000000 || last.Unix() != 1700000000 {
		t.Errorf("%v to %v, %v", first, last, ok)
	}
	into := filepath.Join(t.TempDir(), "restored.db")
	store, err := sqlite.Open(ctx, into)
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Restore(ctx, store, []string{name})
	if e := store.Close(); err != nil || e != nil || done != (Restored{Files: 1, Calls: 3000}) {
		t.Fatalf("%+v, %v, %v", done, err, e)
	}
	got, want := traces(t, into), traces(t, path)
	if len(want) != 3000 || !reflect.DeepEqual(got, want) {
		t.Errorf("restored %d calls, archived %d\n%s\n%s", len(got), len(want), got[0], want[0])
	}
}

func TestFolder(t *testing.T) { roundTrip(t, filepath.Join(t.TempDir(), "new", "archive"), os.Getenv) }

// What is archived is for nobody else to read.
func TestModes(t *testing.T) {
	target := filepath.Join(t.TempDir(), "archive")
	a, err := Open(target, os.Getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Keep(context.Background(), recorded(t, 10), table); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(target, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	link := target + "-link"
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, os.Getenv, nil); err == nil {
		t.Error("an archive behind a symbolic link was opened")
	}
}

// Killed at any step: the next one does it again, and what is there in the end is
// one file, whole.
func TestKilled(t *testing.T) {
	path := recorded(t, 200)
	reference, err := Open(filepath.Join(t.TempDir(), "reference"), os.Getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := reference.Keep(context.Background(), path, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"scratch", "encoded", "missing", "created", "copied", "renamed", "put", "verified"} {
		target := filepath.Join(t.TempDir(), "archive")
		child := exec.Command(os.Args[0], target, path)
		child.Env = append(os.Environ(), "MONITORGEN_TEST_STEP="+at, "TMPDIR="+t.TempDir())
		out, err := child.CombinedOutput()
		if child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("step %s: not killed: %v\n%s", at, err, out)
		}
		a, err := Open(target, os.Getenv, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Keep(context.Background(), path, table); err != nil || got != name {
			t.Errorf("step %s: %q, %v", at, got, err)
		}
		if entries, err := a.List(context.Background()); err != nil || len(entries) != 1 || entries[0].Name != name {
			t.Errorf("step %s: %+v, %v", at, entries, err)
		}
		same(t, filepath.Join(target, name), filepath.Join(reference.String(), name))
	}
}

func same(t *testing.T, one, other string) {
	t.Helper()
	a, err1 := os.ReadFile(one)
	b, err2 := os.ReadFile(other)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s and %s differ: %v", one, other, err)
	}
}

// A file that is not what it should be is written anew, and never restored.
func TestDamaged(t *testing.T) {
	ctx, path, target := context.Background(), recorded(t, 100), filepath.Join(t.TempDir(), "archive")
	a, err := Open(target, os.Getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := a.Keep(ctx, path, table)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(target, name))
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string][]byte{"empty": {}, "cut": whole[:len(whole)/2], "no parquet": []byte("no parquet")}
	for at := 4; at < len(whole); at += len(whole)/40 + 1 {
		b := bytes.Clone(whole)
		b[at] ^= 0x55
		damages[fmt.Sprint("byte ", at)] = b
	}
	for what, b := range damages {
		if err := os.WriteFile(filepath.Join(target, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "r.db"))
		if err != nil {
			t.Fatal(err)
		}
		done, err := a.Restore(ctx, store, []string{name})
		store.Close()
		if err == nil && done.Calls != 200 {
			t.Errorf("%s: restored %+v without an error", what, done)
		}
		if again, err := a.Keep(ctx, path, table); err != nil || again != name {
			t.Errorf("%s: %q, %v", what, again, err)
		}
		if err := a.read(ctx, name, func([]row) error { return nil }); err != nil {
			t.Errorf("%s: is still damaged: %v", what, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for target, want := range map[string]string{
		"":                         "no folder",
		"s3://key:secret@bucket/x": "no credentials in the URL",
		"s3://":                    "no bucket",
		"s3://b?endpoint=host":     "endpoint is to be",
		"s3://b?acl=public":        `"acl"`,
		"ftp://host/x":             "neither a folder nor",
		"s3://%zz:secret@b":        "not a URL",
	} {
		_, err := Open(target, func(string) string { return "" }, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", target, err)
		}
	}
}
