package analyse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"the price of 29.9265 is beyond 30.00":         "the price of # is beyond #",
		`open "/tmp/x 1": no such file`:                "open #: no such file",
		"user 'ann' of `x`":                            "user # of #",
		"id 123e4567-e89b-12d3-a456-426614174000 gone": "id # gone",
		"at 0xc000012345 after 1.5ms":                  "at # after #",
		"commit 9fceb02d0ae598e95dc970b74767f19372d6":  "commit #",
		"dial tcp 127.0.0.1:8080: refused":             "dial tcp #: refused",
		"no number":                                    "no number",
	} {
		if got := Normalise(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestGroupErrors(t *testing.T) {
	catalog := aggregate.NewCatalog([]query.Function{{ID: 1, Process: "a", Group: "g"}, {ID: 2, Process: "a", Group: "g"}, {ID: 3, Process: "b", Group: "g"}})
	failure := func(call, function, start int64, text string) query.Failure {
		return query.Failure{ID: query.CallID{Run: 1, Call: call}, Function: function, Start: start, Exception: text}
	}
	groups := GroupErrors([]query.Failure{ // newest first
		failure(6, 3, 600, "limit 3"), failure(5, 1, 500, "panic: limit 9\n\ngoroutine 7 [running]"), failure(4, 2, 400, "limit 2"), failure(3, 1, 100, "limit 1"),
	}, catalog)
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprintf("%s %q %t %d %d-%d %s", g.Process, g.Text, g.Panic, g.Count, g.First, g.Last, g.Example))
	}
	// Two versions of a function are one; a panic of the same text is another thing.
	want := []string{`b "limit 3" false 1 600-600 1:6`, `a "limit 9" true 1 500-500 1:5`, `a "limit 2" false 2 100-400 1:4`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	sum := int64(0)
	for _, n := range groups[2].Trend {
		sum += n
	}
	if len(groups[2].Trend) != TrendSteps || sum != 2 || groups[2].Trend[0] != 1 {
		t.Errorf("trend %v", groups[2].Trend)
	}
}

// trace is a call of 1000 ns with ten calls of 10 ns, one of 500 ns, and one on
// another goroutine that outlives it.
func trace() *Trace {
	spans := []query.Span{{ID: 1, Function: 1, Goroutine: 1, Start: 5000, Duration: 1000}}
	for i := range int64(10) {
		spans = append(spans, query.Span{ID: 2 + i, Parent: 1, Function: 2, Depth: 1, Goroutine: 1, Start: 5000 + 20*i, Duration: 10 + i%2, Failed: i == 3})
	}
	return NewTrace(query.CallID{Run: 1, Call: 1}, append(spans,
		query.Span{ID: 12, Parent: 1, Function: 3, Depth: 1, Goroutine: 1, Start: 5400, Duration: 500},
		query.Span{ID: 13, Parent: 1, Function: 4, Depth: 1, Goroutine: 2, Start: 5950, Duration: 3000},
		query.Span{ID: 15, Parent: 14, Function: 5, Depth: 2, Goroutine: 3, Start: 6000, Duration: 50}), false)
}

func TestTree(t *testing.T) {
	tr := trace()
	show := func(nodes []TreeNode) string {
		var parts []string
		for _, n := range nodes {
			missing := ""
			if n.Missing {
				missing = "?"
			}
			parts = append(parts, fmt.Sprintf("%d%s(%d/%d)", n.ID.Call, missing, n.Shown, n.Children))
		}
		return strings.Join(parts, " ")
	}
	for _, c := range []struct {
		under, focus int64
		limit        int
		want         string
	}{
		{0, 0, 3, "1(2/12) 2(0/0) 3(0/0)"},
		{0, 0, 14, "1(12/12) 2(0/0) 3(0/0) 4(0/0) 5(0/0) 6(0/0) 7(0/0) 8(0/0) 9(0/0) 10(0/0) 11(0/0) 12(0/0) 13(0/0) 14?(0/1)"}, // at its depth
		{0, 15, 3, "1(0/12) 14?(1/1) 15(0/0)"},
		{12, 0, 9, "12(0/0)"},
		{99, 0, 9, ""},
	} {
		if got := show(tr.Tree(c.under, c.focus, c.limit)); got != c.want {
			t.Errorf("under %d, focus %d, limit %d: %s, want %s", c.under, c.focus, c.limit, got, c.want)
		}
	}
	if n := tr.Tree(0, 0, 1)[0]; n.Self != 1000-105-500 {
		t.Errorf("the root's own time is %d: what another goroutine did is not its callee's", n.Self)
	}
	if tr.Start != 5000 || tr.End != 8950 || tr.Errors != 1 || tr.Stored() != 14 {
		t.Errorf("trace %d to %d, %d errors, %d calls", tr.Start, tr.End, tr.Errors, tr.Stored())
	}
}

// What a caller that is not stored called lies where it was, not over the trace's root.
func TestFlameOfMissingCallers(t *testing.T) {
	tr := NewTrace(query.CallID{Run: 1, Call: 1}, []query.Span{
		{ID: 1, Function: 1, Goroutine: 1, Start: 5000, Duration: 1000},
		{ID: 2, Parent: 1, Function: 2, Depth: 1, Goroutine: 1, Start: 5100, Duration: 800},
		{ID: 4, Parent: 3, Function: 3, Depth: 3, Goroutine: 1, Start: 5200, Duration: 100},
	}, false)
	for _, goroutines := range []bool{false, true} {
		spans, _, _ := tr.Flame(Window{From: 0, To: 1000, Pixels: 1000, Goroutines: goroutines, Limit: 100})
		var got []string
		for _, s := range spans {
			got = append(got, fmt.Sprintf("%d at depth %d", s.Call, s.Depth))
		}
		if want := []string{"1 at depth 0", "2 at depth 1", "3 at depth 2", "4 at depth 3"}; !slices.Equal(got, want) {
			t.Errorf("lanes %t: %v, want %v", goroutines, got, want)
		}
	}
}

func TestFlame(t *testing.T) {
	tr := trace()
	spans, lanes, truncated := tr.Flame(Window{From: 0, To: 1000, Pixels: 20, Goroutines: true, Limit: 100})
	var got []string
	for _, s := range spans {
		got = append(got, fmt.Sprintf("call %d of %d: lane %d depth %d at %d+%d, %d calls, %d failed", s.Call, s.Function, s.Lane, s.Depth, s.Start, s.Width, s.Calls, s.Errors))
	}
	want := []string{
		"call 1 of 1: lane 0 depth 0 at 0+1000, 1 calls, 0 failed",
		"call 3 of 2: lane 0 depth 1 at 0+191, 10 calls, 1 failed", // narrower than the 50 ns of a pixel: one span
		"call 12 of 3: lane 0 depth 1 at 400+500, 1 calls, 0 failed",
		"call 13 of 4: lane 1 depth 0 at 950+3000, 1 calls, 0 failed",
		"call 14 of 0: lane 2 depth 0 at 1000+50, 1 calls, 0 failed",
		"call 15 of 5: lane 2 depth 1 at 1000+50, 1 calls, 0 failed",
	}
	if !slices.Equal(got, want) || truncated || len(lanes) != 3 || lanes[0].Depth != 2 {
		t.Errorf("got  %s\nwant %s\nlanes %v", strings.Join(got, "\n     "), strings.Join(want, "\n     "), lanes)
	}
	if spans, _, _ := tr.Flame(Window{From: 0, To: 200, Pixels: 200, Limit: 100}); len(spans) != 11 {
		t.Errorf("a narrow window has %d spans, want each of the 11 calls in it", len(spans))
	}
	if spans, _, truncated := tr.Flame(Window{From: 0, To: 4000, Pixels: 4000, Limit: 2}); !truncated || spans[0].Errors+spans[1].Errors != 1 {
		t.Errorf("cut to %v: what failed stays", spans)
	}
}

func FuzzSource(f *testing.F) {
	f.Add("//monitor:trace\nfunc (d *desk) submit(o order) {\n\treturn \"a\\n\" + `b\nc` // x\n}", "(*desk).submit")
	f.Add("/* open\r\n", "x")
	f.Add("func f() { '\x00 \xff 0x", "f")
	f.Fuzz(func(t *testing.T, text, name string) {
		var lines []string
		for _, l := range Source(text, name) {
			line := ""
			for _, tok := range l.Tokens {
				line += tok.Text
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, "\n"); got != text {
			t.Errorf("%q came out as %q", text, got)
		}
	})
}

func TestSource(t *testing.T) {
	lines := Source("func (d *desk) submit() {\n\tx := 1 // one\n}", "(*desk).submit")
	var got []string
	for _, tok := range append(lines[0].Tokens, lines[1].Tokens...) {
		if strings.TrimSpace(tok.Text) != "" {
			got = append(got, tok.Kind+":"+strings.TrimSpace(tok.Text))
		}
	}
	want := "keyword:func operator:( :d operator:* :desk operator:) name:submit operator:() operator:{ :x operator::= number:1 comment:// one"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}
