package aggregate

import (
	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Sum is what calls add up to. The zero value is no calls. Times are nanoseconds,
// Start and Last since 1970.
type Sum struct {
	Calls, Errors int64
	Total, Max    int64
	First, Last   int64 // of their starts
	durations     histogram.Histogram
}

// Add adds the calls of a cell.
func (s *Sum) Add(c *query.Cell) {
	if s.Calls == 0 || c.First < s.First {
		s.First = c.First
	}
	s.Last = max(s.Last, c.Last)
	s.Calls += c.Calls
	s.Errors += c.Errors
	s.Total += c.Total
	s.Max = max(s.Max, c.Max)
	s.durations.Add(c.Durations)
}

// Quantile returns a duration that a share q of the calls, from 0 to 1, does not
// exceed, to within 1.6 %; it is never more than Max. ok is false when no call
// has a duration.
func (s *Sum) Quantile(q float64) (ns int64, ok bool) {
	if s.durations.Count() == 0 {
		return 0, false
	}
	return min(s.durations.Quantile(q), s.Max), true
}

// Mean returns the mean duration of the calls that have one.
func (s *Sum) Mean() (ns int64, ok bool) {
	n := s.durations.Count()
	if n == 0 {
		return 0, false
	}
	return s.Total / n, true
}

// ErrorRate returns the share of failed calls, 0 for none.
func (s *Sum) ErrorRate() float64 {
	if s.Calls == 0 {
		return 0
	}
	return float64(s.Errors) / float64(s.Calls)
}

// Each calls do for every range of durations that has calls, by ascending ones.
func (s *Sum) Each(do func(low, high int64, calls uint64)) { s.durations.Each(do) }

// Sums are by key.
type Sums[K comparable] map[K]*Sum

// Add adds a cell to the sum of a key.
func (m Sums[K]) Add(key K, c *query.Cell) {
	s := m[key]
	if s == nil {
		s = new(Sum)
		m[key] = s
	}
	s.Add(c)
}

// Merge adds what another sum adds up to.
func (s *Sum) Merge(o *Sum) {
	if s.Calls == 0 || o.First < s.First {
		s.First = o.First
	}
	s.Last = max(s.Last, o.Last)
	s.Calls += o.Calls
	s.Errors += o.Errors
	s.Total += o.Total
	s.Max = max(s.Max, o.Max)
	s.durations.Add(&o.durations)
}
