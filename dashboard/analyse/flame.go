package analyse

import (
	"cmp"
	"slices"
)

// Window is the part of a trace that is drawn.
type Window struct {
	From, To   int64 // nanoseconds since the trace's start
	Pixels     int64
	Goroutines bool // a lane for each goroutine, instead of one for all
	Limit      int  // spans at most
}

// FlameSpan is a rectangle: one call, or several beside each other that are
// narrower than a pixel.
type FlameSpan struct {
	Call     int64 // call id: of several the slowest
	Function int64 // 0 unless all are calls of one function
	Lane     int   // index into Lanes; 0 where there is one for all
	Depth    int   // within its lane
	Start    int64 // nanoseconds since the trace's start
	Width    int64
	Calls    int64
	Errors   int64
	slowest  int64
	end      int64 // of what is merged so far
}

// Flame cuts a window out of the trace. Where there are more spans than
// the limit, the widest and those that failed stay, and truncated is true.
func (t *Trace) Flame(w Window) (spans []FlameSpan, lanes []Lane, truncated bool) {
	pixel := max((w.To-w.From)/max(w.Pixels, 1), 1)
	open := map[[2]int]int{} // place in spans of the narrow one at the end of a row
	t.walk(func(i int) bool {
		n := &t.nodes[i]
		start, end := n.Start-t.Start, n.Start+n.Duration-t.Start
		if end < w.From || start > w.To {
			// Its calls may lie elsewhere: a goroutine can outlive its caller.
			return true
		}
		span := FlameSpan{Call: n.ID, Function: n.Function, Depth: n.level, Start: start, Width: n.Duration, Calls: 1, slowest: n.Duration, end: end}
		if w.Goroutines {
			span.Lane, span.Depth = n.lane, n.laneAt
		}
		if n.Failed {
			span.Errors = 1
		}
		row := [2]int{span.Lane, span.Depth}
		if n.Duration >= pixel {
			delete(open, row)
			spans = append(spans, span)
			return true
		}
		if at, ok := open[row]; ok && start >= spans[at].Start && start-spans[at].end < pixel {
			spans[at].merge(span)
		} else {
			open[row] = len(spans)
			spans = append(spans, span)
		}
		return true
	})
	if w.Limit > 0 && len(spans) > w.Limit {
		slices.SortStableFunc(spans, func(a, b FlameSpan) int {
			return cmp.Or(cmp.Compare(min(b.Errors, 1), min(a.Errors, 1)), cmp.Compare(b.Width, a.Width))
		})
		spans, truncated = spans[:w.Limit], true
		slices.SortStableFunc(spans, func(a, b FlameSpan) int { return cmp.Compare(a.Start, b.Start) })
	}
	lanes = t.lanes
	if !w.Goroutines {
		lanes = []Lane{{Depth: t.depth}}
	}
	return spans, lanes, truncated
}

func (s *FlameSpan) merge(o FlameSpan) {
	if o.slowest > s.slowest {
		s.slowest, s.Call = o.slowest, o.Call
	}
	if o.Function != s.Function {
		s.Function = 0
	}
	s.end = max(s.end, o.end)
	s.Width = s.end - s.Start
	s.Calls += o.Calls
	s.Errors += o.Errors
}

// Depth returns how many levels the trace has.
func (t *Trace) Depth() int { return t.depth }
