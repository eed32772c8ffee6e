package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// MaxNodes is how many calls of a tree are loaded.
const MaxNodes = 10_000

// Tree is a call with all that it called, directly and through others.
type Tree struct {
	Root  *Node
	Focus *Node // the call that was asked for in particular; nil for none
	Total int64 // stored calls of the tree; more than Loaded if there were more than MaxNodes
	// Loaded is how many of them are in Root: the earliest, and those on the
	// way to Focus.
	Loaded int64
}

// Node is a call in a tree.
type Node struct {
	Call
	// Missing is a call that others name as their caller and that is not
	// stored: it had not ended, or was not kept. Only its ID is known.
	Missing bool
	Calls   []*Node // in order of their start
	parent  *Node
}

// Caller returns the node that this one was called by, nil for the root.
func (n *Node) Caller() *Node { return n.parent }

// TreeSource is what a tree is made of. *DB is one.
type TreeSource interface {
	ByID(ctx context.Context, ids []CallID) ([]*Call, error)
	Spans(ctx context.Context, root CallID) (spans []Span, truncated bool, err error)
	Path() string
}

// LoadTree returns the tree below the call root; it is an error that wraps
// ErrNoCall when the source does not know it. focus, if it is not zero, is
// loaded however late in the tree it comes.
func LoadTree(ctx context.Context, from TreeSource, root, focus CallID) (*Tree, error) {
	l := &treeLoad{from: from, nodes: map[int64]*Node{}}
	if err := l.loadRoot(ctx, root); err != nil {
		return nil, err
	}
	if err := l.loadCalls(ctx); err != nil {
		return nil, err
	}
	if err := l.loadFocus(ctx, focus); err != nil {
		return nil, err
	}
	l.link()
	tree := &Tree{Root: l.root, Total: max(l.total, l.loaded), Loaded: l.loaded}
	if focus != (CallID{}) {
		tree.Focus = l.nodes[focus.row()]
	}
	return tree, nil
}

// treeLoad is a Tree at work.
type treeLoad struct {
	from   TreeSource
	root   *Node
	whole  bool            // root is that of its trace: all calls of the trace are below it
	spans  []Span          // of the trace, by id
	nodes  map[int64]*Node // by row
	loaded int64           // without missing ones
	total  int64
}

func (l *treeLoad) add(n *Node) {
	l.nodes[n.ID.row()] = n
	if !n.Missing {
		l.loaded++
	}
}

// loadRoot finds the root. One that is not stored will do if it is that of a
// trace whose other calls are.
func (l *treeLoad) loadRoot(ctx context.Context, id CallID) error {
	found, err := l.from.ByID(ctx, []CallID{id})
	if err != nil {
		return err
	}
	l.root, l.whole = &Node{Call: Call{ID: id, Trace: id.Call}, Missing: true}, true
	if len(found) > 0 {
		l.root, l.whole = &Node{Call: *found[0]}, found[0].Trace == id.Call
	}
	if l.spans, _, err = l.from.Spans(ctx, CallID{id.Run, l.root.Trace}); err != nil {
		return err
	}
	if l.root.Missing && len(l.spans) == 0 {
		return fmt.Errorf("%s: %w: %s", l.from.Path(), ErrNoCall, id)
	}
	l.add(l.root)
	return nil
}

// loadCalls reads the calls below the root, the first of them until there are
// MaxNodes, and counts all. A caller's id is lower than those of its calls.
func (l *treeLoad) loadCalls(ctx context.Context) error {
	below := map[int64]bool{l.root.ID.Call: true}
	var ids []CallID
	l.total = l.loaded
	for _, s := range l.spans {
		if s.ID <= l.root.ID.Call || !l.whole && !below[s.Parent] {
			continue
		}
		l.total++
		if !l.whole {
			below[s.ID] = true
		}
		if l.loaded+int64(len(ids)) < MaxNodes {
			ids = append(ids, CallID{l.root.ID.Run, s.ID})
		}
	}
	if len(ids) == 0 {
		return nil
	}
	calls, err := l.from.ByID(ctx, ids)
	for _, c := range calls {
		l.add(&Node{Call: *c})
	}
	return err
}

// loadFocus loads a call and the callers between it and what is loaded.
func (l *treeLoad) loadFocus(ctx context.Context, id CallID) error {
	for id.Call != 0 && l.nodes[id.row()] == nil {
		found, err := l.from.ByID(ctx, []CallID{id})
		if err != nil || len(found) == 0 {
			return err
		}
		l.add(&Node{Call: *found[0]})
		id.Call = found[0].Parent
	}
	return nil
}

// link hangs every node below its caller. Calls whose caller is not stored
// hang below a node for that, below the root.
func (l *treeLoad) link() {
	var all []*Node
	for _, n := range l.nodes {
		if n != l.root {
			all = append(all, n)
		}
	}
	byID := func(a, b *Node) int { return cmp.Compare(a.ID.Call, b.ID.Call) }
	slices.SortFunc(all, byID)
	for _, n := range all {
		n.parent = l.nodes[CallID{n.ID.Run, n.Parent}.row()]
		switch {
		case n.Parent == 0:
			n.parent = l.root
		case n.parent == nil:
			n.parent = &Node{Call: Call{ID: CallID{n.ID.Run, n.Parent}, Trace: n.Trace}, Missing: true, parent: l.root}
			l.add(n.parent)
			l.root.Calls = append(l.root.Calls, n.parent)
		}
		n.parent.Calls = append(n.parent.Calls, n)
	}
	slices.SortFunc(l.root.Calls, byID)
}
