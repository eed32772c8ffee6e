package analyse

import (
	"cmp"
	"slices"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Trace is the shape of one trace.
type Trace struct {
	Root      query.CallID
	Start     int64 // nanoseconds since 1970, of its earliest call
	End       int64
	Errors    int64
	Truncated bool // it has more calls than were read

	nodes  []node // by ascending id; those that are not stored too
	stored int64
	top    []int // nodes without a known caller
	depth  int   // levels
	lanes  []Lane
}

// node is a call of a trace. Indexes are into Trace.nodes.
type node struct {
	query.Span
	missing  bool
	parent   int // -1 for none
	children []int
	level    int // below the top; a caller that is not stored is as deep as it was
	lane     int // index of its goroutine
	laneAt   int // level among the calls of its goroutine
	self     int64
}

// Lane is a goroutine of a trace.
type Lane struct {
	Goroutine int64
	Depth     int // levels
	base      int // level of its first call
}

// maxLevel bounds what a damaged depth can ask for.
const maxLevel = 10_000

// NewTrace makes a trace of its spans, which ascend by id. A caller that is not
// among them is a missing node where it is the trace's root, or others name it.
func NewTrace(root query.CallID, spans []query.Span, truncated bool) *Trace {
	t := &Trace{Root: root, Truncated: truncated, stored: int64(len(spans))}
	index := make(map[int64]int, len(spans))
	for _, s := range spans {
		index[s.ID] = len(t.nodes)
		t.nodes = append(t.nodes, node{Span: s, parent: -1})
	}
	for i := range len(spans) {
		if parent := t.nodes[i].Parent; parent != 0 {
			p, known := index[parent]
			if !known {
				p = len(t.nodes)
				index[parent] = p
				t.nodes = append(t.nodes, t.missing(parent, spans[i]))
			}
			// A caller's id is lower than those of its calls; what says else is damaged.
			if t.nodes[p].ID < t.nodes[i].ID {
				t.nodes[i].parent = p
			}
		}
	}
	t.link()
	t.measure()
	return t
}

// missing is a caller that is not stored: it began when the first of its calls did.
func (t *Trace) missing(id int64, child query.Span) node {
	return node{Span: query.Span{ID: id, Depth: max(child.Depth-1, 0), Start: child.Start, Goroutine: child.Goroutine}, missing: true, parent: -1}
}

// link fills children, in order of their ids.
func (t *Trace) link() {
	for i := range t.nodes {
		if p := t.nodes[i].parent; p >= 0 {
			t.nodes[p].children = append(t.nodes[p].children, i)
		} else {
			t.top = append(t.top, i)
		}
	}
	byID := func(a, b int) int { return cmp.Compare(t.nodes[a].ID, t.nodes[b].ID) }
	slices.SortFunc(t.top, byID)
	for i := range t.nodes {
		if !slices.IsSortedFunc(t.nodes[i].children, byID) {
			slices.SortFunc(t.nodes[i].children, byID)
		}
	}
}

// measure finds times, levels and lanes, callers first.
func (t *Trace) measure() {
	lanes := map[int64]int{}
	first := true
	t.walk(func(i int) bool {
		n := &t.nodes[i]
		if n.parent >= 0 {
			n.level = t.nodes[n.parent].level + 1
		} else if n.missing {
			n.level = int(min(n.Depth, maxLevel))
		}
		if n.missing {
			for _, c := range n.children {
				n.Start = min(n.Start, t.nodes[c].Start)
				n.Duration = max(n.Duration, t.nodes[c].Start+t.nodes[c].Duration-n.Start)
			}
		}
		n.self = n.Duration
		for _, c := range n.children {
			// What another goroutine does is no part of its caller's time.
			if t.nodes[c].Goroutine == n.Goroutine {
				n.self -= t.nodes[c].Duration
			}
		}
		n.self = max(n.self, 0)
		lane, known := lanes[n.Goroutine]
		if !known {
			lane = len(t.lanes)
			lanes[n.Goroutine] = lane
			t.lanes = append(t.lanes, Lane{Goroutine: n.Goroutine, base: n.level})
		}
		n.lane = lane
		if n.parent >= 0 && t.nodes[n.parent].lane == lane {
			n.laneAt = t.nodes[n.parent].laneAt + 1
		} else if n.missing {
			n.laneAt = max(n.level-t.lanes[lane].base, 0)
		}
		t.lanes[lane].Depth = max(t.lanes[lane].Depth, n.laneAt+1)
		t.depth = max(t.depth, n.level+1)
		if n.Failed {
			t.Errors++
		}
		if first || n.Start < t.Start {
			t.Start = n.Start
		}
		t.End = max(t.End, n.Start+n.Duration)
		first = false
		return true
	})
}

// walk visits nodes, callers before what they called; below a node for which
// visit returns false it does not go. It needs no stack as deep as the trace.
func (t *Trace) walk(visit func(i int) bool) {
	t.walkBelow(t.top, visit)
}

func (t *Trace) walkBelow(from []int, visit func(i int) bool) {
	stack := slices.Clone(from)
	slices.Reverse(stack)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !visit(i) {
			continue
		}
		for _, c := range slices.Backward(t.nodes[i].children) {
			stack = append(stack, c)
		}
	}
}

// Stored returns how many calls of the trace are stored, as far as they were read.
func (t *Trace) Stored() int64 { return t.stored }

// Children returns how many direct calls of a call are stored.
func (t *Trace) Children(id int64) int64 {
	if i := t.find(id); i >= 0 {
		return int64(len(t.nodes[i].children))
	}
	return 0
}

// find returns the node of a call, -1 for none.
func (t *Trace) find(id int64) int {
	if i, ok := slices.BinarySearchFunc(t.nodes[:t.stored], id, func(n node, id int64) int { return cmp.Compare(n.ID, id) }); ok {
		return i
	}
	for i := int(t.stored); i < len(t.nodes); i++ {
		if t.nodes[i].ID == id {
			return i
		}
	}
	return -1
}
