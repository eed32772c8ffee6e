package dashboard

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// parameters reads those of a request; the first that is wrong is kept in err.
type parameters struct {
	values url.Values
	now    time.Time
	err    error
}

func parametersOf(r *http.Request) *parameters {
	// What cannot be read must not be left out: a filter would take everything.
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &parameters{values: values, now: time.Now()}
	if err != nil {
		p.fail(refuse(http.StatusBadRequest, "the parameters: %v; a semicolon is %%3B", err))
	}
	return p
}

func (p *parameters) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parameters) text(name string) string { return p.values.Get(name) }

// integer returns a number between low and high.
func (p *parameters) integer(name string, missing, low, high int64) int64 {
	text := p.text(name)
	if text == "" {
		return missing
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		p.fail(badParameter(name, "%s: want a number from %d to %d, not %q", name, low, high, text))
		return missing
	}
	return n
}

func (p *parameters) limit(missing, most int64) int { return int(p.integer("limit", missing, 1, most)) }

// choice returns one of the words, the first if the parameter is not given.
func (p *parameters) choice(name string, words ...string) string {
	text := p.text(name)
	if text == "" {
		return words[0]
	}
	for _, w := range words {
		if text == w {
			return w
		}
	}
	p.fail(badParameter(name, "%s: want %s, not %q", name, strings.Join(words, ", "), text))
	return words[0]
}

// call returns a call that is named; zero if the parameter is not given.
func (p *parameters) call(name string) query.CallID {
	text := p.text(name)
	if text == "" {
		return query.CallID{}
	}
	id, err := query.ParseCallID(text)
	if err != nil {
		p.fail(badParameter(name, "%v", err))
	}
	return id
}

// filter returns the calls that q, run, from and to choose.
func (p *parameters) filter() query.Filter { return p.filterOf("q") }

func (p *parameters) filterOf(name string) query.Filter {
	f := query.Filter{Now: p.now}
	var err error
	if f.Query, err = filter.Parse(p.text(name)); err != nil {
		p.fail(badQuery(name, err))
	}
	if text := p.text("run"); text != "" {
		runs, err := filter.Parse("run:" + text)
		if err != nil || len(runs.Terms) != 1 {
			p.fail(badParameter("run", "run: want the numbers of runs, or last, not %q", text))
		} else {
			f.Query.Terms = append(f.Query.Terms, runs.Terms[0])
		}
	}
	f.Since, f.Until = p.time("from"), p.time("to")
	return f
}

func (p *parameters) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	ns, err := filter.ParseTime(text, p.now)
	if err != nil {
		p.fail(badParameter(name, "%s: %v", name, err))
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// steps are those that charts have, in seconds.
var steps = []int64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400}

// step returns that of a chart over a span of time: as the parameter says, in
// seconds, or one that makes about so many columns and is not finer than finest.
func (p *parameters) step(first, last int64, columns int64, finest time.Duration) time.Duration {
	if n := p.integer("step", 0, 1, 30*86400); n > 0 {
		if (last-first)/(n*int64(time.Second)) > maxColumns {
			p.fail(badParameter("step", "step: %d s make more than %d columns", n, maxColumns))
		}
		return time.Duration(n) * time.Second
	}
	seconds := float64(last-first) / 1e9
	for _, s := range steps {
		if seconds/float64(s) <= float64(columns)*1.5 && s >= int64(finest/time.Second) {
			return time.Duration(s) * time.Second
		}
	}
	return time.Duration(math.Ceil(seconds/86400/float64(columns))) * 24 * time.Hour
}

// maxColumns bounds a chart.
const maxColumns = 5000
