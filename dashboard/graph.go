package dashboard

import (
	"net/http"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/analyse"
)

type graphNode struct {
	ID     string  `json:"id"`
	Func   *int64  `json:"func"`
	Name   string  `json:"name"`
	Group  string  `json:"group"`
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	Rate   float64 `json:"rate"`
	Total  int64   `json:"total_ns"`
	P50    *int64  `json:"p50_ns"`
	P95    *int64  `json:"p95_ns"`
	Last   moment  `json:"last_ns"`
	Stale  bool    `json:"stale"`
}

type graphEdge struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	Rate   float64 `json:"rate"`
	Total  int64   `json:"total_ns"`
	P95    *int64  `json:"p95_ns"`
	Last   moment  `json:"last_ns"`
}

func (s *Server) getGraph(r *http.Request) (any, error) {
	p, ctx := parametersOf(r), r.Context()
	f := p.filter()
	by, focus, limit := p.choice("by", "func", "group"), p.text("focus"), p.limit(500, 5000)
	hops := int(p.integer("hops", 2, 0, 20))
	if p.err != nil {
		return nil, p.err
	}
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	sums, err := s.byFunction(ctx, f, catalog)
	if err != nil {
		return nil, err
	}
	links, _, err := s.repo.Links(ctx, f)
	if err != nil {
		return nil, err
	}
	living, err := s.living(ctx)
	if err != nil {
		return nil, err
	}
	g := analyse.NewGraph(sums, links, catalog, by == "group")
	if focus != "" {
		g.Focus(focus, hops)
	}
	within := len(g.Nodes)
	g.Cut(limit)
	var first, last int64
	for _, sum := range sums {
		if first == 0 || sum.First < first {
			first = sum.First
		}
		last = max(last, sum.Last)
	}
	rate := func(calls int64) float64 {
		return float64(calls) / max(float64(last-first)/1e9, 1)
	}
	now := time.Now().UnixNano()
	nodes, edges := []graphNode{}, []graphEdge{}
	for _, n := range g.Nodes {
		node := graphNode{ID: n.ID, Name: n.Label, Group: n.Group, Calls: n.Calls, Errors: n.Errors, Rate: rate(n.Calls), Total: n.Total,
			P50: known(n.Quantile(0.5)), P95: known(n.Quantile(0.95)), Last: moment(n.Last), Stale: living && analyse.Stale(n.Sum, now)}
		if n.Function != 0 {
			node.Func = &n.Function
		}
		nodes = append(nodes, node)
	}
	for _, e := range g.Edges {
		edges = append(edges, graphEdge{e.From, e.To, e.Calls, e.Errors, rate(e.Calls), e.Total, nil, moment(e.Last)})
	}
	return map[string]any{"by": by, "nodes": nodes, "edges": edges, "total": g.Total, "truncated": within > len(g.Nodes), "precision": precision}, nil
}
