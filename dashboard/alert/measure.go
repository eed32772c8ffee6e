package alert

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Source reads calls. *query.DB is one.
type Source interface {
	Cells(ctx context.Context, f query.Filter, step time.Duration, visit func(*query.Cell)) (rolled bool, err error)
	Calls(ctx context.Context, f query.Filter, p query.Page) ([]*query.Call, error)
}

// finding is what a rule's calls say now.
type finding struct {
	state   string
	current string // the measure, as a person reads it; "" where there is none
	call    *query.Call
}

// The states of a rule. Unknown is one without the calls that its measure is of.
const (
	OK      = "ok"
	Firing  = "firing"
	Unknown = "unknown"
)

// rollupStep is how fine windows are: they begin at a whole one.
const rollupStep = 10 * time.Second

// look measures the calls of a rule.
func (r *Rule) look(ctx context.Context, s Source, now time.Time) (finding, error) {
	f := query.Filter{Query: r.query, Since: now.Add(-r.window), Now: now}
	if r.Measure == Stale {
		return r.lookStale(ctx, s, f)
	}
	var sum aggregate.Sum
	if _, err := s.Cells(ctx, f, rollupStep, sum.Add); err != nil {
		return finding{}, err
	}
	value, ok := sum.Measure(r.Measure)
	if r.Measure == "rate" {
		value, ok = float64(sum.Calls)/r.window.Seconds(), true
	}
	if !ok || r.Measure == "error_rate" && sum.Calls == 0 {
		return finding{state: Unknown}, nil
	}
	found := finding{state: OK, current: measureText(r.Measure, value)}
	if r.Op == "<" && value < r.threshold || r.Op != "<" && value > r.threshold {
		found.state = Firing
		found.call = r.example(ctx, s, f)
	}
	return found, nil
}

// example returns a call to look at: the newest of the window.
func (r *Rule) example(ctx context.Context, s Source, f query.Filter) *query.Call {
	page := query.Page{Limit: 1}
	switch r.Measure {
	case "p50", "p95", "p99", "max":
		if r.Op != "<" {
			page.Order = query.SlowestFirst
		}
	}
	calls, err := s.Calls(ctx, f, page)
	if err != nil || len(calls) == 0 {
		return nil // the rule fires without one
	}
	return calls[0]
}

// lookStale counts how often the newest value was the same.
func (r *Rule) lookStale(ctx context.Context, s Source, f query.Filter) (finding, error) {
	calls, err := s.Calls(ctx, f, query.Page{Limit: int(r.threshold) + 1})
	if err != nil {
		return finding{}, err
	}
	repeats, latest := 0, ""
	for _, c := range calls {
		text, ok := r.valueOf(c)
		if !ok {
			continue
		}
		if repeats > 0 && text != latest {
			break
		}
		latest = text
		repeats++
	}
	if repeats == 0 {
		return finding{state: Unknown}, nil
	}
	found := finding{state: OK, current: fmt.Sprintf("%d times", repeats)}
	if float64(repeats) > r.threshold {
		found.state, found.current, found.call = Firing, fmt.Sprintf("more than %d times %.100s", int(r.threshold), latest), calls[0]
	}
	return found, nil
}

// valueOf returns what a stale rule looks at.
func (r *Rule) valueOf(c *query.Call) (string, bool) {
	values := c.Results
	if len(r.value) > 0 && r.value[0] == "arg" {
		values = c.Arguments
	}
	for i, v := range values {
		if len(r.value) == 0 || v.Name == r.value[1] || strconv.Itoa(i) == r.value[1] {
			return v.Text(), true
		}
	}
	return "", false
}

func measureText(measure string, value float64) string {
	switch measure {
	case "p50", "p95", "p99", "max":
		return time.Duration(value).String()
	case "error_rate":
		return strconv.FormatFloat(100*value, 'f', 2, 64) + "%"
	case "rate":
		return strconv.FormatFloat(value, 'f', 1, 64) + "/s"
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}
