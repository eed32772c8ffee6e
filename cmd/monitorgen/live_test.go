package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/internal/manifest"
	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// serveKey is that of a function of this test.
const serveKey = 0x11fe

// within calls f in a recorded call, as generated code does.
func within(t *testing.T, f func()) {
	p := manifest.Package{Path: "example.com/desk", Name: "desk", Functions: []manifest.Function{
		{Key: serveKey, Name: "Serve", Process: "desk.Serve", Group: "desk", Data: []manifest.Datum{{Name: "id", Type: "int"}}}}}
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var c monitor.Call
	if e := c.Enter(serveKey, text, "process=desk.Serve"); e != nil {
		e.Int(7)
		e.Entered()
	}
	f()
	if c.Open() && c.End(0) {
		c.Commit()
	}
}

// The dashboard sees a program in its calls, and changes what is recorded of it.
func TestDashboardOfRunningProgram(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "monitor.db")
	e := &env{stdout: io.Discard, stderr: os.Stderr, getenv: func(string) string { return "" }, dir: filepath.Dir(path)}
	if err := monitor.Start(monitor.Options{Spool: e.spoolOf(path)}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	within(t, func() {})
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: e.spoolOf(path), Store: store}).Once(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := query.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p := e.programs(db)
	within(t, func() {
		calls, err := p.open(ctx, false)
		if err != nil || len(calls) != 1 {
			t.Fatalf("%d open calls, %v", len(calls), err)
		}
		c := calls[0]
		if c.Process != "desk.Serve" || c.Func != 1 || c.Duration == nil || *c.Duration <= 0 || len(c.Arguments) != 1 || c.Arguments[0].Text != "7" {
			t.Errorf("%+v", c)
		}
	})
	if calls, err := p.open(ctx, false); err != nil || len(calls) != 0 {
		t.Errorf("%d open calls after it has ended, %v", len(calls), err)
	}
	tenth := 0.1
	if err := p.Control(ctx, []dashboard.ControlChange{{Process: "desk.Serve", Mode: "timing", Sample: &tenth}}); err != nil {
		t.Fatal(err)
	}
	all, err := p.Controlled(ctx)
	if err != nil || len(all) != 1 || all[0].Mode != "timing" || all[0].Sample == nil || *all[0].Sample != tenth || !all[0].Set {
		t.Errorf("%+v, %v", all, err)
	}
	if err := p.Control(ctx, []dashboard.ControlChange{{Process: "desk.Serve", Mode: "reset"}}); err != nil {
		t.Fatal(err)
	}
	if all, err := p.Controlled(ctx); err != nil || len(all) != 1 || all[0].Mode != "full" || all[0].Set {
		t.Errorf("%+v, %v", all, err)
	}
}
