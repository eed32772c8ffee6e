package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/monitorgen/monitorgen/dashboard/analyse"
	"github.com/monitorgen/monitorgen/export"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// maxFailures is how many failed calls are looked at for groups.
const maxFailures = 200_000

// errorRow is a group of failed calls.
type errorRow struct {
	Fingerprint string  `json:"fingerprint"`
	Func        int64   `json:"func"`
	Process     string  `json:"process"`
	Group       string  `json:"group"`
	Panic       bool    `json:"panic"`
	Text        string  `json:"text"`
	Normalised  string  `json:"normalised"`
	Count       int64   `json:"count"`
	First       moment  `json:"first_ns"`
	Last        moment  `json:"last_ns"`
	Runs        int     `json:"runs"`
	Example     string  `json:"example"`
	Trend       []int64 `json:"trend"`
}

func newErrorRow(g *analyse.ErrorGroup) errorRow {
	return errorRow{g.Fingerprint, g.Function, g.Process, g.Group, g.Panic, g.Text, g.Normalised, g.Count, moment(g.First), moment(g.Last), g.Runs, g.Example.String(), g.Trend}
}

func errorRows(groups []*analyse.ErrorGroup) []errorRow {
	rows := []errorRow{}
	for _, g := range groups {
		rows = append(rows, newErrorRow(g))
	}
	return rows
}

// errorGroups groups the failed calls of a filter, and returns how many it looked at.
func (s *Server) errorGroups(ctx context.Context, f query.Filter) ([]*analyse.ErrorGroup, int, error) {
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, 0, err
	}
	failures, err := s.repo.Failures(ctx, f, maxFailures)
	if err != nil {
		return nil, 0, err
	}
	return analyse.GroupErrors(failures, catalog), len(failures), nil
}

func (s *Server) getErrors(r *http.Request) (any, error) {
	p := parametersOf(r)
	f, limit := p.filter(), p.limit(100, 1000)
	order := p.choice("sort", "-last", "-count", "-first")
	if p.err != nil {
		return nil, p.err
	}
	groups, scanned, err := s.errorGroups(r.Context(), f)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(groups, func(a, b *analyse.ErrorGroup) int {
		switch order {
		case "-count":
			return cmp.Compare(b.Count, a.Count)
		case "-first":
			return cmp.Compare(b.First, a.First)
		}
		return cmp.Compare(b.Last, a.Last)
	})
	return map[string]any{"rows": errorRows(groups[:min(limit, len(groups))]), "total": len(groups), "scanned": scanned, "complete": scanned < maxFailures}, nil
}

type topValue struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

type valueSummary struct {
	Name     string     `json:"name"`
	Top      []topValue `json:"top"`
	Distinct int        `json:"distinct"`
}

func (s *Server) getError(r *http.Request) (any, error) {
	p := parametersOf(r)
	f, limit := p.filter(), p.limit(50, 500)
	if p.err != nil {
		return nil, p.err
	}
	groups, _, err := s.errorGroups(r.Context(), f)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(groups, func(g *analyse.ErrorGroup) bool { return g.Fingerprint == r.PathValue("fingerprint") })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "no such error: %s", r.PathValue("fingerprint"))
	}
	g := groups[i]
	calls, err := s.repo.ByID(r.Context(), g.Calls)
	if err != nil {
		return nil, err
	}
	slices.Reverse(calls) // newest first
	return struct {
		errorRow
		Rows   []callRow      `json:"rows"`
		Values []valueSummary `json:"values"`
	}{newErrorRow(g), callRows(calls[:min(limit, len(calls))], false), summarise(calls)}, nil
}

// topValues is how many values of an argument are named.
const topValues = 10

// summarise counts the values of each argument.
func summarise(calls []*query.Call) []valueSummary {
	counts := map[string]map[string]int{}
	names := []string{}
	for _, c := range calls {
		for _, v := range c.Arguments {
			if counts[v.Name] == nil {
				counts[v.Name] = map[string]int{}
				names = append(names, v.Name)
			}
			counts[v.Name][v.Text()]++
		}
	}
	all := []valueSummary{}
	for _, name := range names {
		s := valueSummary{Name: name, Distinct: len(counts[name])}
		for text, n := range counts[name] {
			text, _ = export.Cut(text, export.ListWidth)
			s.Top = append(s.Top, topValue{text, n})
		}
		slices.SortFunc(s.Top, func(a, b topValue) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text)) })
		s.Top = s.Top[:min(topValues, len(s.Top))]
		all = append(all, s)
	}
	return all
}
