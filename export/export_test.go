package export

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const begin = int64(1_700_000_000_123_456_789)

// hostile is a value that must come out as it went in.
const hostile = "\"</script>,\n\x00é"

// open makes a database of two runs with the same trace, and more calls than a page has.
func open(t *testing.T) *query.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "monitor.db")
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	outer := &spool.Function{Name: "Outer", Package: "example.com/x", File: "x.go", Line: 3, Process: "x.Outer", Group: "x", Digest: [32]byte{1},
		Data: []manifest.Datum{{Name: "text", Type: "string"}, {Name: "err", Type: "error", Output: true}}}
	inner := &spool.Function{Name: "Inner", Package: "example.com/x", File: "x.go", Line: 9, Process: "x.Inner", Group: "x", Digest: [32]byte{2}}
	text, _ := json.Marshal([]any{hostile, "broken"})
	for number := range 2 {
		run, _, err := store.Run(t.Context(), &spool.Info{ID: fmt.Sprintf("%016x%016x", number+1, 0), Start: begin, PID: 7, Host: "h", Program: "/bin/x", Go: "go1.26", OS: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		calls := []spool.Call{{Function: outer, ID: 1, Trace: 1, Goroutine: 1, Start: begin, Duration: 10_000_001, Flags: wire.FlagError, Exception: "broken", Data: string(text)}}
		for i := range uint64(pageSize) {
			calls = append(calls, spool.Call{Function: inner, ID: i + 2, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1 + i%2, Start: begin + 1 + int64(i)*10_000, Duration: 1_001, Data: "[]"})
		}
		if err := store.Write(t.Context(), &sink.Batch{Run: run, Calls: calls, Ended: true}); err != nil {
			t.Fatal(err)
		}
	}
	db, err := query.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// export returns what a format makes of the calls that a query takes.
func exported(t *testing.T, name, text string, calls int64) []byte {
	t.Helper()
	format, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	q, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := Write(context.Background(), &out, format, open(t), query.Filter{Query: q})
	if err != nil || n != calls {
		t.Fatalf("%d calls, want %d: %v", n, calls, err)
	}
	return out.Bytes()
}

func TestLines(t *testing.T) {
	lines := bytes.Split(bytes.TrimSpace(exported(t, "jsonl", "run:2", pageSize+1)), []byte("\n"))
	var c Call
	if err := json.Unmarshal(lines[0], &struct {
		*Call
		Start string `json:"start_ns"`
	}{Call: &c}); err != nil || len(lines) != pageSize+1 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	if c.Call != "2:1" || c.Arguments[0].Text != hostile || c.Status != "ERR" {
		t.Errorf("the first line is %+v", c)
	}
}

func TestTable(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(exported(t, "csv", "fn:Outer", 2))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	want := "2023-11-14 22:13:20.123456,x.Outer,ERR,10.000001,broken,x,1,,1,0,1,1"
	if got := strings.Join(rows[1], ","); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestProfile(t *testing.T) {
	data := exported(t, "pprof", "", 2*(pageSize+1))
	p, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int64{}
	for _, s := range p.Sample {
		var names []string
		for _, l := range s.Location {
			names = append(names, l.Line[0].Function.Name)
		}
		got[strings.Join(names, "<")] = s.Value
	}
	// Half of the inner calls were on another goroutine: their time is no part of
	// their caller's.
	own := int64(2 * (10_000_001 - pageSize/2*1_001))
	if v := got["x.Outer"]; !slices.Equal(v, []int64{2, own}) {
		t.Errorf("x.Outer has %v, want [2 %d]", v, own)
	}
	if v := got["x.Inner<x.Outer"]; !slices.Equal(v, []int64{2 * pageSize, 2 * pageSize * 1_001}) {
		t.Errorf("x.Inner below x.Outer has %v", v)
	}
	file := filepath.Join(t.TempDir(), "x.pb.gz")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-sample_index=calls", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "x.Inner") {
		t.Errorf("go tool pprof: %v\n%s", err, out)
	}
}

// TestTimeline checks what the Trace Event Format demands: events with a phase, a
// process, a thread and a time, and the complete events of a thread enclosing
// each other or lying apart.
func TestTimeline(t *testing.T) {
	var doc struct {
		Unit   string `json:"displayTimeUnit"`
		Events []struct {
			Name, Cat, Ph string
			Ts, Dur       *json.Number
			Pid, Tid      *int64
			Args          map[string]string
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal(exported(t, "perfetto", "", 2*(pageSize+1)), &doc); err != nil {
		t.Fatal(err)
	}
	type span struct{ start, end int64 }
	threads := map[[2]int64][]span{}
	names := 0
	for _, e := range doc.Events {
		if e.Name == "" || e.Pid == nil || e.Tid == nil {
			t.Fatalf("an event without name, process or thread: %+v", e)
		}
		switch e.Ph {
		case "M":
			names++
			if e.Name != "process_name" && e.Name != "thread_name" || e.Args["name"] == "" {
				t.Errorf("metadata %+v", e)
			}
		case "X":
			start, end := nanoseconds(t, e.Ts), int64(0)
			end = start + nanoseconds(t, e.Dur)
			thread := [2]int64{*e.Pid, *e.Tid}
			threads[thread] = append(threads[thread], span{start, end})
			if e.Name == "x.Outer" && e.Args["arg.text"] != hostile {
				t.Errorf("the value came out as %q", e.Args["arg.text"])
			}
		default:
			t.Errorf("phase %q", e.Ph)
		}
	}
	if names != 2+4 || len(threads) != 4 || doc.Unit != "ns" {
		t.Errorf("%d names, %d threads, unit %q", names, len(threads), doc.Unit)
	}
	for thread, spans := range threads {
		slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
		var open []span
		for _, s := range spans {
			for len(open) > 0 && open[len(open)-1].end <= s.start {
				open = open[:len(open)-1]
			}
			if len(open) > 0 && s.end > open[len(open)-1].end {
				t.Fatalf("thread %v: %v reaches out of %v", thread, s, open[len(open)-1])
			}
			open = append(open, s)
		}
	}
}

func nanoseconds(t *testing.T, microseconds *json.Number) int64 {
	t.Helper()
	if microseconds == nil {
		t.Fatal("an event without time")
	}
	whole, part, _ := strings.Cut(microseconds.String(), ".")
	var ns int64
	if _, err := fmt.Sscan(whole+part, &ns); err != nil || len(part) != 3 {
		t.Fatalf("%s: not microseconds with three digits behind the point", microseconds)
	}
	return ns
}

func TestSpans(t *testing.T) {
	var doc struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []otlpAttribute }
			ScopeSpans []struct{ Spans []otlpSpan }
		}
	}
	if err := json.Unmarshal(exported(t, "otlp-json", "", 2*(pageSize+1)), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.ResourceSpans) != 2 {
		t.Fatalf("%d resources, want one a run", len(doc.ResourceSpans))
	}
	seen := map[string]bool{}
	for _, r := range doc.ResourceSpans {
		spans := r.ScopeSpans[0].Spans
		if len(spans) != pageSize+1 {
			t.Errorf("%d spans", len(spans))
		}
		for _, s := range spans {
			if len(s.Trace) != 32 || len(s.Span) != 16 || seen[s.Trace+s.Span] {
				t.Fatalf("ids %q %q are damaged or not the first of their kind", s.Trace, s.Span)
			}
			seen[s.Trace+s.Span] = true
			if s.Parent != "" && !seen[s.Trace+s.Parent] {
				t.Fatalf("span %s: its parent %s is not in its trace", s.Span, s.Parent)
			}
		}
		if root := spans[0]; root.Status.Code != int(tracepb.Status_STATUS_CODE_ERROR) || root.Start != "1700000000123456789" || root.End != "1700000000133456790" {
			t.Errorf("the root is %+v", root)
		}
	}
}

func TestNothing(t *testing.T) {
	for _, f := range Formats {
		data := exported(t, f.Name, "fn:none", 0)
		if strings.Contains(f.ContentType, "/json") && !json.Valid(data) {
			t.Errorf("%s of no calls: %q", f.Name, data)
		}
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("xml"); err == nil || !strings.Contains(err.Error(), "there are jsonl, csv, perfetto, pprof, otlp-json") {
		t.Errorf("got %v", err)
	}
}
