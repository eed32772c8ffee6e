package query_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// desk is a database of two runs: in run 1 checkout called order, which called
// price twice; run 2 has one call of price alone.
func desk(t *testing.T) *query.DB {
	checkout := &spool.Function{Name: "Checkout", Package: "example.com/web", Process: "web.Checkout", Group: "web.front", Digest: [32]byte{1}}
	order := &spool.Function{Name: "(*Desk).Order", Package: "example.com/desk", Process: "desk.(*Desk).Order", Group: "desk", Digest: [32]byte{2},
		Data: []manifest.Datum{{Name: "o", Type: "Order"}, {Name: "any", Type: "any"}, {Name: "err", Type: "error", Output: true}}}
	price := &spool.Function{Name: "Price", Package: "example.com/desk", Process: "desk.Price", Group: "desk.pricing", Digest: [32]byte{3},
		Data: []manifest.Datum{{Name: "qty", Type: "int"}, {Name: "name", Type: "string"}, {Name: "r0", Type: "bool", Output: true}}}
	r := newRecording(t)
	write := func(number int, calls ...spool.Call) {
		run := r.run(number, "s"+string(rune('0'+number)))
		if err := r.store.Write(context.Background(), &sink.Batch{Run: run, Ended: true, Calls: calls}); err != nil {
			t.Fatal(err)
		}
	}
	const ms = 1_000_000
	write(1,
		spool.Call{Function: checkout, ID: 1, Trace: 1, Goroutine: 1, Start: 1000 * ms, Duration: 20 * ms, Data: "[]"},
		spool.Call{Function: order, ID: 2, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: 1001 * ms, Duration: 10 * ms, Flags: wire.FlagError, Exception: "limit 100% breached",
			Data: `[{"ID":42,"Symbol":"ACME","Legs":["a","b"]},{"$type":"T","$value":{"Deep":9007199254740993}},"limit 100% breached"]`},
		spool.Call{Function: price, ID: 3, Parent: 2, Trace: 1, Depth: 2, Goroutine: 2, Start: 1002 * ms, Duration: 1 * ms, Data: `[100,"it's \"x\"",true]`},
		spool.Call{Function: price, ID: 4, Parent: 2, Trace: 1, Depth: 2, Goroutine: 2, Start: 1004 * ms, Duration: 5 * ms, Flags: wire.FlagError | wire.FlagPanic, Exception: "panic: no spot", Data: `[7,null]`})
	write(2, spool.Call{Function: price, ID: 1, Trace: 1, Goroutine: 3, Start: 2000 * ms, Duration: 2 * ms, Data: `[20,"acme",false]`})
	return r.open()
}

func TestQueriesTakeCalls(t *testing.T) {
	db := desk(t)
	for _, c := range []struct{ text, want string }{
		{"", "1:1 1:2 1:3 1:4 2:1"},
		{"fn:Price", "1:3 1:4 2:1"},
		{"fn:desk.*", "1:2 1:3 1:4 2:1"},
		{"fn:(*Desk).Order", "1:2"},
		{"-fn:Price", "1:1 1:2"},
		{"fn:Price,Checkout run:1", "1:1 1:3 1:4"},
		{"fn=desk.Price", "1:3 1:4 2:1"},
		{"fn=Price", ""},
		{"group:desk", "1:2"},
		{"group:desk*", "1:2 1:3 1:4 2:1"},
		{"group~front", "1:1"},
		{"pkg:example.com/desk", "1:2 1:3 1:4 2:1"},
		{"err", "1:2 1:4"},
		{"ok", "1:1 1:3 2:1"},
		{"panic", "1:4"},
		{"err -panic", "1:2"},
		{"-ok", "1:2 1:4"},
		{"status!=ok", "1:2 1:4"},
		{"dur:>5ms", "1:1 1:2"},
		{"dur>=5ms", "1:1 1:2 1:4"},
		{"dur:1ms..5ms", "1:3 1:4 2:1"},
		{"-dur:1ms..5ms", "1:1 1:2"},
		{"dur:1ms,2ms", "1:3 2:1"},
		{"arg.qty:>10", "1:3 2:1"},
		{"arg.qty=7", "1:4"},
		{"arg.0=7", "1:4"},
		{"arg.qty!=7", "1:1 1:2 1:3 2:1"}, // what has no qty is not 7 either
		{"arg.o.ID=42", "1:2"},
		{"arg.o.Legs.1=b", "1:2"},
		{"arg.any.Deep=9007199254740993", "1:2"},
		{"arg.any.Deep=9007199254740992", ""},
		{"arg.name~ACME", "2:1"},
		{"arg.name=acme", "2:1"},
		{`arg.name="it's \"x\""`, "1:3"},
		{"arg.name=nil", "1:4"},
		{"result.r0=true", "1:3"},
		{"result.0=false", "2:1"},
		{"result.err~100%", "1:2"},
		{"result.err~100_", ""},
		{"any~acme", "1:2 2:1"},
		{`any~"\"x\""`, "1:3"},
		{"err~breached", "1:2"},
		{`err="limit 100% breached"`, "1:2"},
		{"under:Checkout", "1:2 1:3 1:4"},
		{"under:Order fn:Price", "1:3 1:4"},
		{"-under:Checkout", "1:1 2:1"},
		{"call:1:3", "1:3"},
		{"trace:1:1", "1:1 1:2 1:3 1:4"},
		{"parent:1:2", "1:3 1:4"},
		{"run:last", "2:1"},
		{"-run:last", "1:1 1:2 1:3 1:4"},
		{"run:1 run:2", ""},
		{"session:s1", "1:1 1:2 1:3 1:4"},
		{"session:none", ""},
		{"goroutine:2", "1:3 1:4"},
		{"depth:<2", "1:1 1:2 2:1"},
		{"from:1002000000 to:1004000000", "1:3"},
		{"-from:1002000000", "1:1 1:2"},
		{"since:10m", ""},
		{"acme", "1:2 2:1"},
		{"breached order", "1:2"},
		{`"limit 100%"`, "1:2"},
		{"-acme err", "1:4"},
		{"'", "1:3"},
	} {
		q, err := filter.Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		f := query.Filter{Query: q}
		calls, err := db.Calls(t.Context(), f, query.Page{})
		if got := strings.Join(ids(calls), " "); err != nil || got != c.want {
			t.Errorf("%s takes %q, want %q: %v", c.text, got, c.want, err)
		}
		// Whoever asks another way gets the same calls.
		var counted, cells int64
		if m, err := db.Marks(t.Context(), f, 2, query.Marks{}); err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else {
			counted = m.Total
		}
		var durations histogram.Histogram
		if _, err := db.Cells(t.Context(), f, time.Hour, func(c *query.Cell) { cells += c.Calls; durations.Add(c.Durations) }); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		// Rollups have steps of ten seconds: they cannot tell apart what from and to do here.
		if n := int64(len(calls)); counted != n || cells != n && !q.Has(filter.From) {
			t.Errorf("%s: %d calls, %d counted, %d in cells", c.text, n, counted, cells)
		}
		all, err := db.Calls(t.Context(), query.Filter{}, query.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if taken, err := db.Taken(t.Context(), f, all); err != nil || !slices.Equal(ids(taken), ids(calls)) {
			t.Errorf("%s: Taken has %v: %v", c.text, ids(taken), err)
		}
	}
}

// TestPages goes through all calls in every order, forwards and back, and from
// every rank.
func TestPages(t *testing.T) {
	db := desk(t)
	for order, want := range map[query.Order]string{
		query.NewestFirst: "2:1 1:4 1:3 1:2 1:1", query.OldestFirst: "1:1 1:2 1:3 1:4 2:1",
		query.SlowestFirst: "1:1 1:2 1:4 2:1 1:3", query.FastestFirst: "1:3 2:1 1:4 1:2 1:1",
	} {
		all := strings.Fields(want)
		read := func(p query.Page) (names []string, calls []*query.Call) {
			p.Order = order
			calls, err := db.Calls(t.Context(), query.Filter{}, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
				names = append(names, c.ID.String())
			}
			return names, calls
		}
		var forwards []string
		var last *query.Call
		for p := (query.Page{Limit: 2}); ; p.After, p.AfterDuration = last.ID, int64(last.Duration) {
			names, calls := read(p)
			if len(calls) == 0 {
				break
			}
			forwards = append(forwards, names...)
			last = calls[len(calls)-1]
		}
		if !slices.Equal(forwards, all) {
			t.Errorf("order %d: %v, want %v", order, forwards, all)
		}
		if back, _ := read(query.Page{Limit: 2, Before: last.ID, BeforeDuration: int64(last.Duration)}); !slices.Equal(back, all[2:4]) {
			t.Errorf("order %d before the last: %v, want %v", order, back, all[2:4])
		}
		for rank := range all {
			if names, _ := read(query.Page{Limit: 1, Skip: int64(rank)}); !slices.Equal(names, all[rank:rank+1]) {
				t.Errorf("order %d, rank %d: %v", order, rank, names)
			}
		}
	}
}

func TestLinks(t *testing.T) {
	db := desk(t)
	functions, err := db.AllFunctions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[int64]string{0: "nobody"}
	for _, f := range functions {
		names[f.ID] = f.Name
	}
	// By rollups, and by the calls themselves, which a term on them asks for.
	for _, text := range []string{"", "dur:>=0s"} {
		q, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		links, rolled, err := db.Links(t.Context(), query.Filter{Query: q})
		if err != nil || rolled != (text == "") {
			t.Fatalf("%q: rolled %t: %v", text, rolled, err)
		}
		got := map[string]int64{}
		for _, l := range links {
			got[names[l.Caller]+" > "+names[l.Callee]] += l.Calls
		}
		for link, calls := range map[string]int64{"nobody > Checkout": 1, "Checkout > (*Desk).Order": 1, "(*Desk).Order > Price": 2, "nobody > Price": 1} {
			if got[link] != calls || len(got) != 4 {
				t.Errorf("%q: %v, want %s %d times", text, got, link, calls)
			}
		}
	}
}
