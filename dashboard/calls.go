package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// pageAnswer is a page of calls, or of their values.
type pageAnswer struct {
	Rows  any     `json:"rows"`
	Next  *string `json:"next"`
	Prev  *string `json:"prev"`
	Top   *string `json:"top"`
	Rank  *int64  `json:"rank"`
	Total int64   `json:"total"`
	Exact bool    `json:"exact"`
}

func (s *Server) getCalls(r *http.Request) (any, error) {
	p := parametersOf(r)
	full := p.integer("full", 0, 0, 1) == 1
	calls, page, err := s.page(r.Context(), p)
	if err != nil {
		return nil, err
	}
	page.Rows = callRows(calls, full)
	return page, nil
}

// datumRow is a row of data_trace.
type datumRow struct {
	Call      string  `json:"call"`
	Process   string  `json:"process"`
	Data      string  `json:"data"`
	DataType  string  `json:"data_type"`
	DataValue string  `json:"data_value"`
	Cut       bool    `json:"cut,omitempty"`
	Masked    bool    `json:"masked,omitempty"`
	Type      string  `json:"type"`
	Start     moment  `json:"start_ns"`
	Status    string  `json:"status"`
	Exception *string `json:"exception"`
}

func (s *Server) getValues(r *http.Request) (any, error) {
	calls, page, err := s.page(r.Context(), parametersOf(r))
	if err != nil {
		return nil, err
	}
	rows := []datumRow{}
	for _, c := range callRows(calls, false) {
		for _, side := range []struct {
			kind   string
			values []valueRow
		}{{"INPUT", c.Arguments}, {"OUTPUT", c.Results}} {
			for _, v := range side.values {
				rows = append(rows, datumRow{c.Call, c.Process, v.Name, side.kind, v.Text, v.Cut, v.Masked, v.Type, c.Start, c.Status, c.Exception})
			}
		}
	}
	page.Rows = rows
	return page, nil
}

var orders = map[string]query.Order{"-start": query.NewestFirst, "start": query.OldestFirst, "-duration": query.SlowestFirst, "duration": query.FastestFirst}

// page reads the calls that the parameters ask for, and says where they are.
func (s *Server) page(ctx context.Context, p *parameters) ([]*query.Call, pageAnswer, error) {
	f := p.filter()
	order := orders[p.choice("sort", "-start", "start", "-duration", "duration")]
	page := query.Page{Order: order, Limit: p.limit(100, 1000)}
	f.Pin = p.call("pin")
	if text := p.text("cursor"); text != "" && !readCursor(text, &page) {
		p.fail(badParameter("cursor", "cursor: %q is none of this list", text))
	}
	rank := p.integer("rank", -1, 0, 1<<50)
	if p.err != nil {
		return nil, pageAnswer{}, p.err
	}
	top := f.Pin
	answer := pageAnswer{}
	var err error
	if answer.Total, answer.Exact, err = s.counts.total(ctx, s.repo, f); err != nil {
		return nil, answer, err
	}
	switch {
	case rank > 0:
		if err := s.seek(ctx, &f, &page, rank); err != nil {
			return nil, answer, err
		}
		answer.Rank = &rank
	case rank == 0 || page.After == (query.CallID{}) && page.Before == (query.CallID{}):
		answer.Rank = new(int64)
	}
	calls, err := s.repo.Calls(ctx, f, page)
	if err != nil || len(calls) == 0 {
		return nil, answer, err
	}
	first, last := calls[0], calls[len(calls)-1]
	if len(calls) == page.Limit {
		answer.Next = cursor('a', order, last)
	}
	if answer.Rank == nil || *answer.Rank > 0 {
		answer.Prev = cursor('b', order, first)
	}
	if top == (query.CallID{}) {
		top = s.newest(ctx, first)
	}
	text := top.String()
	answer.Top = &text
	return calls, answer, nil
}

// newest returns the call that a list can be pinned to: the newest of all.
func (s *Server) newest(ctx context.Context, first *query.Call) query.CallID {
	if calls, err := s.repo.Calls(ctx, query.Filter{}, query.Page{Limit: 1}); err == nil && len(calls) == 1 {
		return calls[0].ID
	}
	return first.ID
}

// seek has a page begin at a rank: between the nearest marks around it, where the
// order is that of the ids.
func (s *Server) seek(ctx context.Context, f *query.Filter, page *query.Page, rank int64) error {
	if page.Order != query.NewestFirst && page.Order != query.OldestFirst {
		page.Skip = rank
		return nil
	}
	marks, err := s.counts.marks(ctx, s.repo, *f)
	if err != nil {
		return err
	}
	// What is wanted has these places from the oldest, the last one not included.
	first, last := rank, rank+int64(page.Limit)
	if page.Order == query.NewestFirst {
		first, last = max(marks.Total-rank-int64(page.Limit), 0), marks.Total-rank
	}
	if last <= 0 || first >= marks.Total {
		page.Skip = rank
		return nil
	}
	// Mark i is the call at place (i+1)*markStep-1. The page lies between two marks, or a mark and an end.
	low, high := int64(0), marks.Total-1
	if i := (first+1)/markStep - 1; i >= 0 {
		f.Floor, low = marks.At[i], (i+1)*markStep-1
	}
	if i := (last+markStep-1)/markStep - 1; i < int64(len(marks.At)) {
		f.Pin, high = marks.At[i], (i+1)*markStep-1
	}
	page.Skip = first - low
	if page.Order == query.NewestFirst {
		page.Skip = high - (last - 1)
	}
	return nil
}

// cursor names a place in a list: a for after the call, b for before it.
func cursor(side byte, order query.Order, c *query.Call) *string {
	duration := int64(c.Duration)
	if c.Untimed {
		duration = -1
	}
	text := fmt.Sprintf("%c%d.%d.%d.%d", side, order, c.ID.Run, c.ID.Call, duration)
	return &text
}

// readCursor sets the place in a page of the same order.
func readCursor(text string, page *query.Page) bool {
	parts := strings.Split(text[1:], ".")
	if len(parts) != 4 {
		return false
	}
	var n [4]int64
	for i, part := range parts {
		var err error
		if n[i], err = strconv.ParseInt(part, 10, 64); err != nil {
			return false
		}
	}
	id, err := query.ParseCallID(fmt.Sprintf("%d:%d", n[1], n[2]))
	if err != nil || query.Order(n[0]) != page.Order {
		return false
	}
	switch text[0] {
	case 'a':
		page.After, page.AfterDuration = id, n[3]
	case 'b':
		page.Before, page.BeforeDuration = id, n[3]
	default:
		return false
	}
	return true
}

// callAnswer is one call with what belongs to it.
type callAnswer struct {
	callRow
	Stack    *string     `json:"stack"`
	Open     bool        `json:"open"`
	Children int64       `json:"children"`
	Function *functionOf `json:"function"`
}

// functionOf says which function a call is of.
type functionOf struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Package   string `json:"package"`
	File      string `json:"file"`
	Line      int64  `json:"line"`
	Signature string `json:"signature"`
}

// pathCall returns the call that a segment of the path names.
func pathCall(r *http.Request, name string) (query.CallID, error) {
	id, err := query.ParseCallID(r.PathValue(name))
	if err != nil {
		return id, badParameter(name, "%v", err)
	}
	return id, nil
}

func (s *Server) getCall(r *http.Request) (any, error) {
	id, err := pathCall(r, "id")
	if err != nil {
		return nil, err
	}
	a := callAnswer{}
	c, err := s.repo.Call(r.Context(), id)
	if errors.Is(err, query.ErrNoCall) {
		var ok bool
		if a.callRow, ok = s.openCall(r.Context(), id); !ok {
			return nil, err
		}
		a.Open = true
	} else if err != nil {
		return nil, err
	} else {
		a.callRow, a.Open = newCallRow(c, true), c.Open
		if c.Stack != "" {
			a.Stack = &c.Stack
		}
	}
	// Of an open root nothing may be stored yet that names it.
	if a.Children, err = s.countChildren(r.Context(), id); err != nil && !errors.Is(err, query.ErrNoCall) {
		return nil, err
	}
	if f, err := s.repo.FunctionByID(r.Context(), a.Func); err == nil {
		a.Function = &functionOf{f.ID, f.Name, f.Package, f.File, f.Line, f.Signature}
	}
	return a, nil
}

func (s *Server) getChildren(r *http.Request) (any, error) {
	id, err := pathCall(r, "id")
	if err != nil {
		return nil, err
	}
	p := parametersOf(r)
	limit, after := p.limit(100, 1000), p.call("cursor")
	if p.err != nil {
		return nil, p.err
	}
	calls, err := s.repo.Children(r.Context(), id, after, limit)
	if err != nil {
		return nil, err
	}
	total, err := s.countChildren(r.Context(), id)
	if err != nil {
		return nil, err
	}
	a := struct {
		Rows  []callRow `json:"rows"`
		Next  *string   `json:"next"`
		Total int64     `json:"total"`
	}{callRows(calls, false), nil, total}
	if len(calls) == limit {
		next := calls[limit-1].ID.String()
		a.Next = &next
	}
	return a, nil
}

func (s *Server) getExplain(r *http.Request) (any, error) {
	p := parametersOf(r)
	f := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	statement, args, err := s.repo.Explain(r.Context(), f)
	if err != nil {
		return nil, err
	}
	type term struct {
		Text  string `json:"text"`
		Start int    `json:"start"`
		End   int    `json:"end"`
	}
	terms := []term{}
	text := p.text("q")
	for _, t := range f.Query.Terms {
		if t.End <= len(text) && cmp.Compare(t.Start, t.End) < 0 {
			terms = append(terms, term{text[t.Start:t.End], t.Start, t.End})
		}
	}
	return map[string]any{"sql": statement, "args": args, "terms": terms}, nil
}
