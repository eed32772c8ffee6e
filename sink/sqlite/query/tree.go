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

// Tree returns the tree below the call root; it is an error that wraps
// ErrNoCall when the database does not know it. focus, if it is not zero, is
// loaded however late in the tree it comes.
func (d *DB) Tree(ctx context.Context, root, focus CallID) (*Tree, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	l := &treeLoad{db: d, functions: functions, nodes: map[int64]*Node{}}
	if err := l.loadRoot(ctx, root); err != nil {
		return nil, err
	}
	if err := l.loadCalls(ctx); err != nil {
		return nil, d.fail("read calls", err)
	}
	if err := l.loadFocus(ctx, focus); err != nil {
		return nil, d.fail("read calls", err)
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
	db        *DB
	functions map[int64]*function
	root      *Node
	whole     bool            // root is that of its trace: all calls of the trace are below it
	nodes     map[int64]*Node // by row
	loaded    int64           // without missing ones
	total     int64
}

func (l *treeLoad) add(n *Node) {
	l.nodes[n.ID.row()] = n
	if !n.Missing {
		l.loaded++
	}
}

func (l *treeLoad) call(ctx context.Context, row int64) (*Call, error) {
	found, err := l.db.calls(ctx, l.functions, "SELECT "+callColumns+" FROM calls WHERE id = ?", row)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// loadRoot finds the root. One that is not stored will do if it is that of a
// trace whose other calls are.
func (l *treeLoad) loadRoot(ctx context.Context, id CallID) error {
	c, err := l.call(ctx, id.row())
	if err != nil {
		return l.db.fail("read calls", err)
	}
	if c != nil {
		l.root, l.whole = &Node{Call: *c}, c.Trace == id.Call
		l.add(l.root)
		return nil
	}
	var known bool
	err = l.db.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM calls WHERE trace_id = ? AND id BETWEEN ? AND ?)",
		id.Call, id.row(), runSpan(id.Run).high).Scan(&known)
	if err != nil {
		return l.db.fail("read calls", err)
	}
	if !known {
		return fmt.Errorf("%s: %w: %s", l.db.path, ErrNoCall, id)
	}
	l.root, l.whole = &Node{Call: Call{ID: id, Trace: id.Call}, Missing: true}, true
	l.add(l.root)
	return nil
}

// loadCalls reads the calls below the root until there are MaxNodes, and
// counts the rest. A caller's id is lower than those of its calls.
func (l *treeLoad) loadCalls(ctx context.Context) error {
	rows, err := l.db.db.QueryContext(ctx, "SELECT "+callColumns+" FROM calls WHERE trace_id = ? AND id > ? AND id <= ? ORDER BY id",
		l.root.Trace, l.root.ID.row(), runSpan(l.root.ID.Run).high)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCall(rows, l.functions)
		if err != nil {
			return err
		}
		if l.whole || l.nodes[CallID{c.ID.Run, c.Parent}.row()] != nil {
			l.add(&Node{Call: *c})
		}
		if l.loaded == MaxNodes {
			rows.Close()
			return l.countRest(ctx, c.ID.row())
		}
	}
	return rows.Err()
}

func (l *treeLoad) countRest(ctx context.Context, after int64) error {
	rows, err := l.db.db.QueryContext(ctx, "SELECT id, parent_id FROM calls WHERE trace_id = ? AND id > ? AND id <= ? ORDER BY id",
		l.root.Trace, after, runSpan(l.root.ID.Run).high)
	if err != nil {
		return err
	}
	defer rows.Close()
	l.total = l.loaded
	further := map[int64]bool{}
	var id, parent int64
	for rows.Next() {
		if err := rows.Scan(&id, &parent); err != nil {
			return err
		}
		caller := CallID{l.root.ID.Run, parent}.row()
		if l.whole {
			l.total++
		} else if l.nodes[caller] != nil || further[caller] {
			l.total++
			further[id] = true
		}
	}
	return rows.Err()
}

// loadFocus loads a call and the callers between it and what is loaded.
func (l *treeLoad) loadFocus(ctx context.Context, id CallID) error {
	for id.Call != 0 && l.nodes[id.row()] == nil {
		c, err := l.call(ctx, id.row())
		if err != nil || c == nil {
			return err
		}
		l.add(&Node{Call: *c})
		id.Call = c.Parent
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
