package main

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const treeUsage = `usage: monitorgen tree [flags] [FILE | URL]

Tree shows one call with all that it called, with arguments and results inline.
Without a flag it is the whole trace of the newest error, or the newest trace if
there is no error. FILE is a database, monitor.db if not named;
` + serverText + `

	monitorgen tree -func Submit
	monitorgen tree -call 1:42

The JSON is one call: its calls are in the list "calls", and "more" is the
number of calls below it that are not shown.
` + callNames

func runTree(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "tree", treeUsage)
	call := fs.String("call", "", "the call `RUN:CALL`, or CALL together with -run")
	run := fs.Int64("run", 0, "the `run` of -call")
	function := fs.String("func", "", "the newest call of a function whose name contains this `text`")
	n := fs.Int("n", 200, "show `N` calls")
	asJSON := fs.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	switch {
	case !goOn:
		return code
	case *n < 1:
		return e.failf("-n: %d calls cannot be shown", *n)
	case *call != "" && *function != "":
		return e.failf("-call and -func exclude each other")
	case *call == "" && *run != 0:
		return e.failf("-run goes with -call")
	}
	if *run != 0 {
		*call = fmt.Sprintf("%d:%s", *run, *call)
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	root, focus, err := chooseTree(ctx, db, *call, *function)
	if err != nil {
		return e.failQuery(db.Path(), err)
	}
	if root == (query.CallID{}) {
		return e.failf("no such call in %s", e.shortPath(db.Path()))
	}
	tree, err := query.LoadTree(ctx, db, root, focus)
	if err != nil {
		return e.failQuery(db.Path(), err)
	}
	cut := cutTree(tree, *n)
	if *asJSON {
		e.printJSON(cut.entry(tree.Root))
	} else {
		e.printTree(cut)
	}
	return exitDone
}

// chooseTree returns the call at the root, zero for none, and the one that must
// be seen.
func chooseTree(ctx context.Context, db reader, call, function string) (root, focus query.CallID, err error) {
	if call != "" {
		root, err = query.ParseCallID(call)
		return root, query.CallID{}, err
	}
	filter := query.Filter{Function: function}
	var found []*query.Call
	if function == "" {
		if found, err = db.Errors(ctx, filter, 1); err != nil {
			return root, focus, err
		}
	}
	if len(found) == 0 {
		if found, err = db.Newest(ctx, filter, 1); err != nil || len(found) == 0 {
			return root, focus, err
		}
	}
	if function != "" {
		return found[0].ID, query.CallID{}, nil
	}
	return query.CallID{Run: found[0].ID.Run, Call: found[0].Trace}, found[0].ID, nil
}

// treeCut is the part of a tree that is shown.
type treeCut struct {
	tree  *query.Tree
	shown map[*query.Node]bool
	size  map[*query.Node]int64 // stored calls in it, itself included
}

// cutTree chooses n calls: the way to the focus, then from the root on as they
// were made.
func cutTree(tree *query.Tree, n int) *treeCut {
	c := &treeCut{tree, map[*query.Node]bool{}, map[*query.Node]int64{}}
	for node := tree.Focus; node != nil; node = node.Caller() {
		c.shown[node] = true
	}
	c.choose(tree.Root, n)
	return c
}

func (c *treeCut) choose(node *query.Node, n int) {
	if len(c.shown) < n {
		c.shown[node] = true
	}
	if !node.Missing {
		c.size[node]++
	}
	for _, child := range node.Calls {
		c.choose(child, n)
		c.size[node] += c.size[child]
	}
}

// treeEntry is a call in a tree in JSON.
type treeEntry struct {
	callEntry
	Missing bool        `json:"missing,omitempty"` // not stored; only its name is known
	Calls   []treeEntry `json:"calls"`
	More    int64       `json:"more,omitempty"`
}

func (c *treeCut) entry(node *query.Node) treeEntry {
	entry := treeEntry{callEntry: newCallEntry(&node.Call), Missing: node.Missing, Calls: []treeEntry{}}
	for _, child := range node.Calls {
		if c.shown[child] {
			entry.Calls = append(entry.Calls, c.entry(child))
		} else {
			entry.More += c.size[child]
		}
	}
	if node == c.tree.Root {
		entry.More += c.tree.Total - c.tree.Loaded
	}
	return entry
}

func (e *env) printTree(c *treeCut) {
	fmt.Fprintln(e.stdout, e.nodeText(c.tree.Root))
	e.printCalls(c, c.tree.Root, "", c.tree.Total-c.tree.Loaded)
}

// printCalls prints the calls below a node; those that are left out next to
// each other, and rest at the end, are a line.
func (e *env) printCalls(c *treeCut, node *query.Node, indent string, rest int64) {
	type line struct {
		node *query.Node // nil: so many left out
		more int64
	}
	var lines []line
	leaveOut := func(n int64) {
		if last := len(lines) - 1; last >= 0 && lines[last].node == nil {
			lines[last].more += n
		} else if n > 0 {
			lines = append(lines, line{more: n})
		}
	}
	for _, child := range node.Calls {
		if c.shown[child] {
			lines = append(lines, line{node: child})
		} else {
			leaveOut(c.size[child])
		}
	}
	leaveOut(rest)
	for i, l := range lines {
		branch, below := "├─ ", "│  "
		if i == len(lines)-1 {
			branch, below = "└─ ", "   "
		}
		if l.node == nil {
			fmt.Fprintf(e.stdout, "%s%s… %s\n", indent, branch, plural(l.more, "more call"))
			continue
		}
		fmt.Fprintln(e.stdout, indent+branch+e.nodeText(l.node))
		e.printCalls(c, l.node, indent+below, 0)
	}
}

func (e *env) nodeText(n *query.Node) string {
	if n.Missing {
		return fmt.Sprintf("call %s is not stored: it had not ended, or was not kept", n.ID)
	}
	text := callText(&n.Call) + "  " + humanDuration(n.Duration)
	if n.Failed {
		text += "  " + e.statusText(true)
	}
	return text
}
