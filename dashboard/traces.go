package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/analyse"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// traceCache keeps the shapes of traces that are looked at: each pan of a
// flame asks for another window of the same one.
type traceCache = recent[query.CallID, cachedTrace]

type cachedTrace struct {
	mu    sync.Mutex // held while it is read
	trace *analyse.Trace
	read  time.Time
}

// A trace may grow while its run lives. What was read is taken as it is for
// traceFresh, and a large one longer: as often as its reading took a tenth of the time.
const (
	maxTraces  = 4
	traceFresh = 2 * time.Second
)

func newTraceCache() *traceCache { return newRecent[query.CallID, cachedTrace](maxTraces) }

// trace returns the shape of the trace that a call belongs to.
func (s *Server) trace(ctx context.Context, id query.CallID) (*analyse.Trace, error) {
	root, err := s.repo.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	e := s.traces.entry(root)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trace != nil && time.Since(e.read) < traceFresh {
		return e.trace, nil
	}
	began := time.Now()
	spans, truncated, err := s.repo.Spans(ctx, root)
	if err != nil {
		return nil, err
	}
	e.trace = analyse.NewTrace(root, spans, truncated)
	e.read = time.Now().Add(9 * time.Since(began))
	return e.trace, nil
}

// countChildren returns how many direct calls of a call are stored. Those of a
// trace that is looked at are known; else all calls of the trace are read.
func (s *Server) countChildren(ctx context.Context, id query.CallID) (int64, error) {
	root, err := s.repo.Trace(ctx, id)
	if err != nil {
		return 0, err
	}
	if e := s.traces.known(root); e != nil {
		e.mu.Lock()
		trace, fresh := e.trace, time.Since(e.read) < traceFresh
		e.mu.Unlock()
		if trace != nil && fresh && !trace.Truncated {
			return trace.Children(id.Call), nil
		}
	}
	return s.repo.CountChildren(ctx, root, id)
}

// treeNode is a call in a tree.
type treeNode struct {
	*callRow
	Call     string  `json:"call"`
	Parent   *string `json:"parent"`
	Children int     `json:"children"`
	Shown    int     `json:"shown"`
	Missing  bool    `json:"missing"`
	Self     int64   `json:"self_ns"`
}

func (s *Server) getTree(r *http.Request) (any, error) {
	p := parametersOf(r)
	limit, focus, under := p.limit(1000, 10_000), p.call("focus"), p.call("under")
	if p.err != nil {
		return nil, p.err
	}
	id, err := pathCall(r, "root")
	if err != nil {
		return nil, err
	}
	trace, err := s.trace(r.Context(), id)
	if err != nil {
		return nil, err
	}
	shape := trace.Tree(under.Call, focus.Call, limit)
	nodes, err := s.treeNodes(r.Context(), shape)
	if err != nil {
		return nil, err
	}
	return map[string]any{"root": trace.Root.String(), "start_ns": moment(trace.Start), "duration_ns": trace.End - trace.Start,
		"total": trace.Stored(), "loaded": len(nodes), "errors": trace.Errors, "truncated": trace.Truncated, "nodes": nodes}, nil
}

// treeNodes fills the shape with what was recorded of each call.
func (s *Server) treeNodes(ctx context.Context, shape []analyse.TreeNode) ([]treeNode, error) {
	ids := make([]query.CallID, len(shape))
	for i, n := range shape {
		ids[i] = n.ID
	}
	calls, err := s.repo.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := map[string]callRow{}
	for _, row := range callRows(calls, false) {
		rows[row.Call] = row
	}
	nodes := make([]treeNode, len(shape))
	for i, n := range shape {
		nodes[i] = treeNode{Call: n.ID.String(), Children: n.Children, Shown: n.Shown, Missing: n.Missing, Self: n.Self}
		if n.Parent != 0 {
			parent := query.CallID{Run: n.ID.Run, Call: n.Parent}.String()
			nodes[i].Parent = &parent
		}
		if row, ok := rows[nodes[i].Call]; ok {
			nodes[i].callRow = &row
		}
	}
	return nodes, nil
}

type flameSpan struct {
	Call   string `json:"call"`
	Func   *int64 `json:"func"`
	Lane   int    `json:"lane"`
	Depth  int    `json:"depth"`
	X      int64  `json:"x"`
	W      int64  `json:"w"`
	N      int64  `json:"n"`
	Errors int64  `json:"errors"`
}

type flameLane struct {
	Goroutine int64 `json:"goroutine"`
	Depth     int   `json:"depth"`
}

type flameFunc struct {
	Process string `json:"process"`
	Group   string `json:"group"`
}

func (s *Server) getFlame(r *http.Request) (any, error) {
	p := parametersOf(r)
	w := analyse.Window{Pixels: p.integer("px", 1200, 1, 100_000), Limit: p.limit(5000, 20_000),
		Goroutines: p.choice("by", "depth", "goroutine") == "goroutine"}
	x0, x1 := p.integer("x0", 0, 0, 1<<62), p.integer("x1", -1, 0, 1<<62)
	if p.err != nil {
		return nil, p.err
	}
	id, err := pathCall(r, "root")
	if err != nil {
		return nil, err
	}
	trace, err := s.trace(r.Context(), id)
	if err != nil {
		return nil, err
	}
	w.From, w.To = x0, x1
	if x1 < 0 {
		w.To = trace.End - trace.Start
	}
	if w.To < w.From {
		return nil, badParameter("x1", "x1: %d is before x0", x1)
	}
	catalog, err := s.catalog(r.Context())
	if err != nil {
		return nil, err
	}
	cut, lanes, truncated := trace.Flame(w)
	spans, funcs := make([]flameSpan, len(cut)), map[string]flameFunc{}
	for i, c := range cut {
		spans[i] = flameSpan{Call: fmt.Sprintf("%d:%d", trace.Root.Run, c.Call), Lane: c.Lane, Depth: c.Depth, X: c.Start, W: c.Width, N: c.Calls, Errors: c.Errors}
		if f := catalog.Function(c.Function); f != nil {
			spans[i].Func = &f.ID
			funcs[strconv.FormatInt(f.ID, 10)] = flameFunc{f.Process, f.Group}
		}
	}
	all := make([]flameLane, len(lanes))
	for i, l := range lanes {
		all[i] = flameLane{l.Goroutine, l.Depth}
	}
	return map[string]any{"root": trace.Root.String(), "start_ns": moment(trace.Start), "duration_ns": trace.End - trace.Start,
		"x0": w.From, "x1": w.To, "total": trace.Stored(), "depth": trace.Depth(), "lanes": all, "funcs": funcs, "spans": spans,
		"truncated": truncated || trace.Truncated}, nil
}
