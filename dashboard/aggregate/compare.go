package aggregate

import (
	"cmp"
	"slices"
)

// Pair is a function in two selections. A or B is nil where it made no call.
type Pair struct {
	Name
	A, B *Sum
}

// Compare pairs the functions of two selections: those that changed most in
// total time first.
func Compare(a, b Sums[Name]) []Pair {
	var pairs []Pair
	for name, s := range a {
		pairs = append(pairs, Pair{name, s, b[name]})
	}
	for name, s := range b {
		if a[name] == nil {
			pairs = append(pairs, Pair{name, nil, s})
		}
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.moved(), x.moved()), cmp.Compare(x.Process, y.Process), cmp.Compare(x.Group, y.Group))
	})
	return pairs
}

func (p Pair) moved() int64 {
	var a, b int64
	if p.A != nil {
		a = p.A.Total
	}
	if p.B != nil {
		b = p.B.Total
	}
	return max(a-b, b-a)
}

// State is "both", "new" or "gone".
func (p Pair) State() string {
	switch {
	case p.A == nil:
		return "new"
	case p.B == nil:
		return "gone"
	}
	return "both"
}

// Measures are the names that Measure knows.
var Measures = []string{"calls", "errors", "error_rate", "total", "mean", "p50", "p95", "p99", "max"}

// Measure returns one figure of a sum: durations in nanoseconds, error_rate as a
// share. ok is false where it has none.
func (s *Sum) Measure(name string) (value float64, ok bool) {
	whole := func(n int64, ok bool) (float64, bool) { return float64(n), ok }
	timed := s.durations.Count() > 0
	switch name {
	case "calls":
		return float64(s.Calls), true
	case "errors":
		return float64(s.Errors), true
	case "error_rate":
		return s.ErrorRate(), true
	case "total":
		return float64(s.Total), timed
	case "mean":
		return whole(s.Mean())
	case "p50":
		return whole(s.Quantile(0.5))
	case "p95":
		return whole(s.Quantile(0.95))
	case "p99":
		return whole(s.Quantile(0.99))
	case "max":
		return float64(s.Max), timed
	}
	return 0, false
}

// Change returns how a measure changed from A to B, as a share of A: 0.2 for a
// fifth more. ok is false where one of them has none, or A's is 0.
func (p Pair) Change(measure string) (share float64, ok bool) {
	if p.A == nil || p.B == nil {
		return 0, false
	}
	a, okA := p.A.Measure(measure)
	b, okB := p.B.Measure(measure)
	if !okA || !okB || a == 0 {
		return 0, false
	}
	return (b - a) / a, true
}
