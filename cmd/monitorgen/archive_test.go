package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestArchiveCommand(t *testing.T) {
	dir := t.TempDir()
	yesterdays(t, filepath.Join(dir, "m.db"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		archive, args string
		code          int
		want          string // in what is printed
	}{
		{"", "archive m.db run", 2, "no place is named"},
		{"", "archive -to file m.db run", 2, "file"},
		{"", "archive -to s3://k:hush@b m.db run", 2, "no credentials in the URL"},
		{"", "archive -to kept ls", 0, "nothing is archived in "},
		{"", "archive -to kept new.db restore", 0, "nothing to restore in "},
		{"", "archive -to kept none.db run", 2, "no database none.db"},
		{"", "archive -to kept m.db run", 0, "30 calls in 1 partition archived in "},
		{"", "archive m.db run -to kept", 0, "30 calls in 1 partition archived in "},
		{"", "archive -to kept m.db ls", 0, "calls_"},
		{"kept", "archive ls -json", 0, `"bytes": `},
		{"kept", "retention -now m.db", 0, "30 calls gone from m.db; "},
		{"kept", "retention -now m.db", 0, "nothing in m.db has expired"},
		{"kept", "archive -until 2020-01-01 old.db restore", 0, "nothing to restore in "},
		{"kept", "archive old.db restore nothing.parquet", 2, "nothing.parquet is not in "},
		{"kept", "archive old.db restore", 0, "30 calls of 1 file restored into old.db"},
		{"kept", "archive old.db restore", 2, "old.db exists"},
		{"kept", "sql old.db SELECT(count(*))FROM(process_trace)", 0, "30"},
		{"kept", "archive -from yesterday old2.db restore", 2, "a time is like"},
		{"kept", "archive m.db", 2, "takes FILE and run, ls or restore"},
		{"kept", "archive restore", 2, "which database?"},
	} {
		var out bytes.Buffer
		e := &env{stdout: &out, stderr: &out, dir: dir, getenv: func(name string) string {
			if name == "MONITOR_ARCHIVE" {
				return c.archive
			}
			return ""
		}}
		code := dispatch(context.Background(), e, strings.Fields(c.args))
		if code != c.code || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "hush") {
			t.Errorf("%s: exit code %d, want %d; printed\n%swhich has no %q", c.args, code, c.code, out.String(), c.want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "old*restoring*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
