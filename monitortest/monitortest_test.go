package monitortest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/monitortest"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// What follows is written as the generator writes it.

const (
	keySubmit = 0x5001
	keyPrice  = 0x5002
)

var description = func() string {
	text, err := (&manifest.Package{Path: "example.com/desk", Name: "desk", Functions: []manifest.Function{
		{Key: keySubmit, Name: "(*Desk).Submit", Process: "desk.(*Desk).Submit", Data: []manifest.Datum{
			{Name: "qty", Type: "int"}, {Name: "note", Type: "any"}, {Name: "err", Type: "error", Output: true}}},
		{Key: keyPrice, Name: "Price", Process: "desk.Price", Data: []manifest.Datum{
			{Name: "symbol", Type: "string"}, {Name: "r0", Type: "float64", Output: true}}},
	}}).Encode()
	if err != nil {
		panic(err)
	}
	return text
}()

func submit(qty int, note any) (err error) {
	var c monitor.Call
	if e := c.Enter(keySubmit, description, "process=desk.(*Desk).Submit fails=true"); e != nil {
		e.Int(int64(qty))
		e.Any(note)
		e.Entered()
	}
	defer func() {
		if !c.Open() || !c.End(0) {
			return
		}
		if err != nil {
			c.Fail(err)
		}
		if e := c.Results(); e != nil {
			e.Error(err)
		}
		c.Commit()
	}()
	if price("ACME") == 0 || qty == 13 {
		panic("no price")
	}
	if qty < 0 {
		return errors.New("negative quantity")
	}
	done := make(chan struct{})
	monitor.Go(func() { price("BOLT"); close(done) })
	<-done
	return nil
}

func price(symbol string) (r0 float64) {
	var c monitor.Call
	if e := c.Enter(keyPrice, description, "process=desk.Price fails=true"); e != nil {
		e.String(symbol)
		e.Entered()
	}
	defer func() {
		if !c.Open() || !c.End(0) {
			return
		}
		if e := c.Results(); e != nil {
			e.Float64(r0)
		}
		c.Commit()
	}()
	return 2.5
}

func TestCalls(t *testing.T) {
	rec := monitortest.Record(t)
	submit(3, "gift")
	submit(-1, nil)
	func() {
		defer func() { recover() }()
		submit(13, 7)
	}()
	calls := rec.Calls()
	if calls.Len() != 7 || calls.Of("desk.*").Len() != 7 || calls.Of("Price").Len() != 4 || calls.Of("desk.Nothing").Len() != 0 {
		t.Fatalf("%d calls:\n%s", calls.Len(), calls)
	}
	good := calls.Of("(*Desk).Submit").With("qty", "3").One(t)
	if good.Err != "" || good.Panicked || good.Arg("note") != "gift" || good.Result("err") != "nil" || good.Arg("none") != "" || good.Duration <= 0 {
		t.Errorf("%+v", good)
	}
	if kids := good.Children(); kids.Len() != 2 || kids[0].Arg("symbol") != "ACME" || kids[1].Arg("symbol") != "BOLT" || kids[0].Result("r0") != "2.5" {
		t.Errorf("children:\n%s", kids)
	}
	if below := good.Below(); below.Len() != 2 {
		t.Errorf("below:\n%s", below)
	}
	if parent, ok := good.Children()[1].Parent(); !ok || parent.String() != good.String() {
		t.Errorf("parent %v", parent)
	}
	if _, ok := good.Parent(); ok {
		t.Error("a root has a parent")
	}
	var qty int
	if err := good.Unmarshal("qty", &qty); err != nil || qty != 3 {
		t.Errorf("%d, %v", qty, err)
	}
	if err := good.Unmarshal("none", &qty); err == nil {
		t.Error("a value that is not there")
	}
	failed := calls.Failed()
	if failed.Len() != 2 || failed[0].Err != "negative quantity" || failed[0].Panicked || !failed[1].Panicked || !strings.HasPrefix(failed[1].Err, "panic: no price") {
		t.Fatalf("failed:\n%s", failed)
	}
	want := `desk.(*Desk).Submit(qty=-1, note=nil) = (err=negative quantity) error: negative quantity`
	if got := failed[0].String(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := failed[1].String(); got != `desk.(*Desk).Submit(qty=13, note=7) panic: no price` {
		t.Error(got)
	}
}

// One test's calls are not another's, also under a drainer, to which they are left.
func TestRecordUnderDrainer(t *testing.T) {
	outer := t.TempDir()
	t.Setenv("MONITOR_SPOOL", outer)
	for range 2 {
		t.Run("part", func(t *testing.T) {
			rec := monitortest.Record(t)
			price("ACME")
			rec.Calls().Of("desk.Price").One(t)
		})
	}
	entries, err := os.ReadDir(outer)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if len(e.Name()) != 32 {
			t.Errorf("%s is left", filepath.Join(outer, e.Name()))
		}
	}
}

// ended is a test that notes how it ended.
type ended struct {
	testing.TB
	how string
}

func (e *ended) Fatal(...any)          { e.how = "fatal"; panic(e) }
func (e *ended) Fatalf(string, ...any) { e.how = "fatal"; panic(e) }
func (e *ended) Skip(...any)           { e.how = "skip"; panic(e) }

func (e *ended) run(f func()) string {
	defer func() {
		if v := recover(); v != nil && v != any(e) {
			panic(v)
		}
	}()
	f()
	return e.how
}

func TestEnds(t *testing.T) {
	outer := &ended{TB: t}
	rec := monitortest.Record(outer)
	e := &ended{TB: t}
	if e.run(func() { monitortest.Record(e) }); e.how != "fatal" {
		t.Errorf("a second recording: %q", e.how)
	}
	if e = (&ended{TB: t}); e.run(func() { monitortest.Calls(nil).One(e) }) == "" && e.how != "fatal" {
		t.Errorf("one of none: %q", e.how)
	}
	price("ACME")
	monitor.Stop()
	if outer.run(func() { rec.Calls() }); outer.how != "fatal" {
		t.Errorf("a recording that was stopped: %q", outer.how)
	}
}
