package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// yesterdays makes a database with 30 calls of yesterday and 10 of today.
func yesterdays(t *testing.T, path string) {
	t.Helper()
	ctx := context.Background()
	now := time.Now().Add(-24 * time.Hour)
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	run, _, err := store.Run(ctx, &spool.Info{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	f := &spool.Function{Process: "work"}
	for id := uint64(1); id <= 40; id++ {
		if id == 31 {
			now = time.Now()
		}
		b := &sink.Batch{Run: run, Calls: []spool.Call{{ID: id, Trace: id, Function: f, Start: now.UnixNano(), Duration: 5}}}
		if err := store.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetentionCommand(t *testing.T) {
	dir := t.TempDir()
	yesterdays(t, filepath.Join(dir, "m.db"))
	for _, c := range []struct {
		args string
		code int
		want string // in what is printed
	}{
		{"", 0, "m.db keeps calls for 6h, up to 10 GiB; "},
		{"", 0, "30 calls would go: monitorgen retention -now takes them away\n"},
		{"-age 48h -size off", 0, "m.db keeps calls for 48h; "},
		{"-age off -now", 0, "nothing in m.db has expired\n"},
		{"-json", 0, `"rows_going": 30`},
		{"-age 5", 2, `monitorgen: -age: "5" is no duration`},
		{"-size 5GB", 2, `monitorgen: -size: "5GB" is no size`},
		{"-now", 0, "30 calls gone from m.db; "},
		{"-now -json", 0, `"rows_gone": 0`},
		{"", 0, "takes new calls"},
	} {
		var out bytes.Buffer
		e := &env{stdout: &out, stderr: &out, dir: dir, getenv: func(string) string { return "" }}
		args := append([]string{"retention"}, append(strings.Fields(c.args), "m.db")...)
		if code := dispatch(context.Background(), e, args); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: exit code %d, want %d; printed\n%swhich has no %q", fmt.Sprint(args), code, c.code, out.String(), c.want)
		}
	}
}
