package analyse

import (
	"iter"
	"maps"
	"slices"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// TreeNode is a call in a tree.
type TreeNode struct {
	ID       query.CallID
	Parent   int64 // call id; 0 for none
	Missing  bool  // others name it as their caller, and it is not stored
	Children int   // direct calls
	Shown    int   // of these, in the tree
	Self     int64 // its time without that of its calls on the same goroutine, nanoseconds
}

// Tree returns at most limit nodes of the trace, callers before what they
// called: level by level, so that what is left out is deep rather than late;
// focus, if it is not 0, with all its callers first. under, if it is not 0, is
// the call to begin with.
func (t *Trace) Tree(under, focus int64, limit int) []TreeNode {
	from := t.top
	if under != 0 {
		i := t.find(under)
		if i < 0 {
			return nil
		}
		from = []int{i}
	}
	chosen := map[int]bool{}
	if focus != 0 {
		for i := t.find(focus); i >= 0; i = t.nodes[i].parent {
			chosen[i] = true
		}
	}
	for level := range t.levels(from) {
		for _, i := range level {
			if len(chosen) >= limit {
				break
			}
			chosen[i] = true
		}
		if len(chosen) >= limit {
			break
		}
	}
	var all []TreeNode
	t.walkBelow(from, func(i int) bool {
		if !chosen[i] {
			return false
		}
		n := &t.nodes[i]
		shown := 0
		for _, c := range n.children {
			if chosen[c] {
				shown++
			}
		}
		all = append(all, TreeNode{query.CallID{Run: t.Root.Run, Call: n.ID}, n.Parent, n.missing, len(n.children), shown, n.self})
		return true
	})
	return all
}

// levels yields nodes and what is below them, level by level. Callers that are
// not stored come at the depth that they had: a thousand of them are not nearer
// to the top than what the trace's root called.
func (t *Trace) levels(from []int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		var level []int
		later := map[int64][]int{}
		for _, i := range from {
			if n := &t.nodes[i]; n.missing && n.ID != t.Root.Call {
				later[n.Depth] = append(later[n.Depth], i)
			} else {
				level = append(level, i)
			}
		}
		for depth := int64(0); len(level)+len(later) > 0; depth++ {
			if len(level) == 0 {
				depth = slices.Min(slices.Collect(maps.Keys(later)))
			}
			level = append(level, later[depth]...)
			delete(later, depth)
			if !yield(level) {
				return
			}
			var next []int
			for _, i := range level {
				next = append(next, t.nodes[i].children...)
			}
			level = next
		}
	}
}
