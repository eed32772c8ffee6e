package analyse

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Graph is who calls whom.
type Graph struct {
	Nodes []*GraphNode // those with the most calls first
	Edges []*GraphEdge
	Total int // nodes before any were left out
}

// GraphNode is a function, or a group of functions.
type GraphNode struct {
	ID       string // the function's number, or the group's name
	Function int64  // 0 for a group
	Label    string
	Group    string
	*aggregate.Sum
}

// GraphEdge sums up the calls from one node to another. From is "" for calls
// that nobody recorded made.
type GraphEdge struct {
	From, To                   string
	Calls, Errors, Total, Last int64
}

// NewGraph makes a graph of functions, or with groups of groups of functions.
func NewGraph(sums aggregate.Sums[aggregate.Name], links []query.Link, catalog *aggregate.Catalog, groups bool) *Graph {
	idOf := func(name aggregate.Name) string {
		if groups {
			return name.Group
		}
		return strconv.FormatInt(catalog.Newest(name).ID, 10)
	}
	nodes := map[string]*GraphNode{}
	for name, sum := range sums {
		n := &GraphNode{ID: idOf(name), Label: name.Process, Group: name.Group, Sum: sum}
		if groups {
			n.Label = name.Group
			if have := nodes[n.ID]; have != nil {
				have.Merge(sum)
				continue
			}
			n.Sum = new(aggregate.Sum)
			n.Merge(sum)
		} else {
			n.Function = catalog.Newest(name).ID
		}
		nodes[n.ID] = n
	}
	g := &Graph{Total: len(nodes)}
	for _, n := range nodes {
		g.Nodes = append(g.Nodes, n)
	}
	slices.SortFunc(g.Nodes, func(a, b *GraphNode) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID))
	})
	g.addEdges(links, catalog, idOf, groups)
	return g
}

func (g *Graph) addEdges(links []query.Link, catalog *aggregate.Catalog, idOf func(aggregate.Name) string, groups bool) {
	edges := map[[2]string]*GraphEdge{}
	for _, l := range links {
		callee, ok := catalog.NameOf(l.Callee)
		if !ok {
			continue
		}
		e := GraphEdge{To: idOf(callee)}
		if caller, ok := catalog.NameOf(l.Caller); ok {
			e.From = idOf(caller)
		}
		if groups && e.From == e.To {
			continue // calls within a group
		}
		key := [2]string{e.From, e.To}
		if edges[key] == nil {
			edges[key] = &e
			g.Edges = append(g.Edges, &e)
		}
		sum := edges[key]
		sum.Calls += l.Calls
		sum.Errors += l.Errors
		sum.Total += l.Total
		sum.Last = max(sum.Last, l.Last)
	}
	slices.SortFunc(g.Edges, func(a, b *GraphEdge) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// Cut keeps at most limit nodes, those with the most calls, and the edges
// between them.
func (g *Graph) Cut(limit int) {
	if len(g.Nodes) > limit {
		g.keep(g.Nodes[:limit])
	}
}

// Focus keeps the nodes within so many edges of one, either way.
func (g *Graph) Focus(id string, hops int) {
	reached := map[string]bool{id: true}
	for range hops {
		next := map[string]bool{}
		for _, e := range g.Edges {
			if reached[e.From] {
				next[e.To] = true
			}
			if reached[e.To] && e.From != "" {
				next[e.From] = true
			}
		}
		for n := range next {
			reached[n] = true
		}
	}
	g.keep(slices.DeleteFunc(slices.Clone(g.Nodes), func(n *GraphNode) bool { return !reached[n.ID] }))
}

func (g *Graph) keep(nodes []*GraphNode) {
	kept := map[string]bool{"": true}
	for _, n := range nodes {
		kept[n.ID] = true
	}
	g.Nodes = nodes
	g.Edges = slices.DeleteFunc(g.Edges, func(e *GraphEdge) bool { return !kept[e.From] || !kept[e.To] })
}

// stalePauses is after how many of its usual pauses a function is stale.
const stalePauses = 10

// Stale reports whether something that was called at regular times is not any
// more, at a time in nanoseconds since 1970.
func Stale(s *aggregate.Sum, now int64) bool {
	if s.Calls < 3 {
		return false
	}
	const second = 1_000_000_000
	pause := max((s.Last-s.First)/(s.Calls-1), second)
	return now-s.Last > stalePauses*pause
}
