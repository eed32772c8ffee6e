package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// show writes terms in one fixed form.
func show(q Query) string {
	var parts []string
	for _, t := range q.Terms {
		var values []string
		for _, v := range t.Values {
			text := fmt.Sprintf("%q", v.Text)
			if v.Int != 0 || v.High != 0 || v.Run != 0 {
				text += fmt.Sprintf("/%d", v.Int)
			}
			if v.High != 0 {
				text += fmt.Sprintf("..%d", v.High)
			}
			if v.Run != 0 {
				text += fmt.Sprintf("@%d", v.Run)
			}
			if v.IsNumber {
				text += fmt.Sprintf("#%g", v.Number)
			}
			values = append(values, text)
		}
		not := ""
		if t.Not {
			not = "-"
		}
		parts = append(parts, fmt.Sprintf("%s%s%s %s %s", not, t.Field, strings.Join(append([]string{""}, t.Path...), "/"), t.Op, strings.Join(values, "|")))
	}
	return strings.Join(parts, "; ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, ``},
		{"  \t ", ``},
		{`fn:store.*`, `fn : "store.*"`},
		{`-fn:Ping`, `-fn : "Ping"`},
		{`fn:Price,Submit FN:x`, `fn : "Price"|"Submit"; fn : "x"`},
		{`fn:desk.(*desk).submit`, `fn : "desk.(*desk).submit"`},
		{`status:err err ok panic`, `status : "err"; status : "err"; status : "ok"; status : "panic"`},
		{`status:Error`, `status : "err"`},
		{`dur>5ms dur:>10ms dur:<=1s dur!=0s`, `dur > "5ms"/5000000; dur > "10ms"/10000000; dur <= "1s"/1000000000; dur != "0s"`},
		{`dur:1ms..5ms`, `dur : "1ms..5ms"/1000000..5000000`},
		{`arg.qty:>100 arg.id=42`, `arg/qty > "100"#100; arg/id = "42"#42`},
		{`result.0="x y" result.err~limit`, `result/0 = "x y"; result/err ~ "limit"`},
		{`arg.order.Symbol=ACME`, `arg/order/Symbol = "ACME"`},
		{`any~acme`, `any ~ "acme"`},
		{`err:"limit breach" err~x`, `err : "limit breach"; err ~ "x"`},
		{`call:1:42 trace:2:7 parent:1:1`, `call : "1:42"/42@1; trace : "2:7"/7@2; parent : "1:1"/1@1`},
		{`run:last run:3,4`, `run : "last"/-1; run : "3"/3|"4"/4`},
		{`since:10m from:2026-01-02`, `since : "10m"/600000000000; from : "2026-01-02"/1767312000000000000`},
		{`depth:<3 goroutine:7`, `depth < "3"/3; goroutine : "7"/7`},
		{`limit breach "two words" -"not this" -no`, ` ~ "limit";  ~ "breach";  ~ "two words"; - ~ "not this"; - ~ "no"`},
		{`- wow! a.b x-y`, ` ~ "-";  ~ "wow!";  ~ "a.b";  ~ "x-y"`},
		{`fn:"a,b","c\nd"`, "fn : \"a,b\"|\"c\\nd\""},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if got := show(q); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text     string
		position int
		message  string
	}{
		{`fn:a func:b`, 5, `no field "func"; did you mean fn?; put text`},
		{`stat:err`, 0, `did you mean status?`},
		{`http://x`, 0, `no field "http"; put text that is searched for in quotes`},
		{`status:bad`, 7, `want err, ok or panic, not "bad"`},
		{`dur:"5 apples"`, 4, `want a duration such as 5ms, not "5 apples"`},
		{`dur:`, 4, `dur: needs a value`},
		{`fn:a,`, 5, `fn: needs a value`},
		{`dur:5ms..1ms`, 4, `ends before it begins`},
		{`dur:>1ms..5ms`, 5, `a range cannot be compared by >`},
		{`fn<x`, 2, `fn cannot be compared by <`},
		{`fn:<x`, 3, `fn cannot be compared by <`},
		{`arg:1`, 0, `arg needs a name or a position`},
		{`arg.=1`, 0, `arg needs a name`},
		{`arg.a[0]=1`, 0, `arg needs a name`},
		{`call:42`, 5, `want a call, RUN:CALL`},
		{`call:1:99999999999999`, 5, `want a call`},
		{`run:0`, 4, `want the number of a run`},
		{`depth:x`, 6, `want a whole number`},
		{`"open`, 0, `a quote that does not end`},
		{`"a"b`, 3, `a blank is missing`},
		{`since:-5m`, 6, `not in the past`},
		{`from:yesterday`, 5, `want nanoseconds since 1970`},
		{"a\xff", 0, `no UTF-8`},
		{strings.Repeat("x", MaxLength+1), MaxLength, `at most 4096 bytes`},
		{strings.Repeat("x ", MaxTerms+1), 2 * MaxTerms, `at most 64 terms`},
	} {
		_, err := Parse(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: no Error but %v", c.text, err)
		} else if e.Position != c.position || !strings.Contains(e.Message, c.message) {
			t.Errorf("%.40q: at %d: %s\nwant at %d: %s", c.text, e.Position, e.Message, c.position, c.message)
		}
	}
}

func TestMatchFunction(t *testing.T) {
	const process, full, name = "desk.(*desk).submit", "example.com/desk.(*desk).submit", "(*desk).submit"
	for pattern, want := range map[string]bool{
		"submit": true, "SUBMIT": true, "(*desk)": true, "desk.(*desk).submit": true, "example.com/": true,
		"desk.*": true, "*.submit": true, "(*desk).*": true, "example.com/*": true, "*sub*": true, "*": true,
		"submit.*": false, "store.*": false, "*.price": false, "zz": false, "": true,
	} {
		if got := MatchFunction(pattern, process, full, name); got != want {
			t.Errorf("%q takes %s: %t, want %t", pattern, process, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`fn:store.* err dur>5ms arg.id=42 result.0="x" under:Checkout run:last since:10m -fn:Ping`,
		`group:a status:err dur:>10ms arg.qty:>100 free "te\"xt"`, `call:1:42`, "`raw`", `dur:1ms..2s,3s`, `-`, `a.b:c`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Position < 0 || e.Position > len(text) || e.Error() == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		end := 0
		for _, term := range q.Terms {
			if term.Start < end || term.End <= term.Start || term.End > len(text) || len(term.Values) == 0 {
				t.Fatalf("%q: term %+v begins before %d or has no end or value", text, term, end)
			}
			end = term.End
			// A term means the same alone.
			alone, err := Parse(text[term.Start:term.End])
			if err != nil || len(alone.Terms) != 1 {
				t.Fatalf("%q: term %q alone: %v, %v", text, text[term.Start:term.End], alone, err)
			}
		}
	})
}
