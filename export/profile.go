package export

import (
	"bufio"
	"context"

	"github.com/google/pprof/profile"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// profiling sums calls up by stack: how many, and the time that is their own.
// Its stacks are those of recorded calls that the filter takes; a call whose
// caller it does not take begins one.
type profiling struct {
	w           *bufio.Writer
	functions   map[int64]query.Function
	nodes       []stackNode // 0 is the root, which is no call
	run         int64
	calls       map[int64]openStack // of the run, by call id
	first, last int64
}

// stackNode is a stack: that of its caller, and a function on top.
type stackNode struct {
	caller   int
	function int64
	calls    int64
	own      int64 // nanoseconds
	called   map[int64]int
}

// openStack is where a call is, for those that it makes.
type openStack struct {
	node      int
	goroutine int64
}

func newProfile(ctx context.Context, w *bufio.Writer, s Source, _ query.Filter) (writer, error) {
	all, err := s.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	p := &profiling{w: w, functions: map[int64]query.Function{}, nodes: make([]stackNode, 1)}
	for _, f := range all {
		p.functions[f.ID] = f
	}
	return p, nil
}

// call adds one. A caller comes before those that it calls.
func (p *profiling) call(c *query.Call) error {
	if c.ID.Run != p.run || p.calls == nil {
		p.run, p.calls = c.ID.Run, map[int64]openStack{}
	}
	caller, known := p.calls[c.Parent]
	node := p.node(caller.node, c.Function)
	p.nodes[node].calls++
	p.nodes[node].own += int64(c.Duration)
	if known && caller.goroutine == c.Goroutine {
		p.nodes[caller.node].own -= int64(c.Duration)
	}
	p.calls[c.ID.Call] = openStack{node, c.Goroutine}
	start := c.Start.UnixNano()
	if p.first == 0 || start < p.first {
		p.first = start
	}
	p.last = max(p.last, start+int64(c.Duration))
	return nil
}

func (p *profiling) node(caller int, function int64) int {
	if at, ok := p.nodes[caller].called[function]; ok {
		return at
	}
	p.nodes = append(p.nodes, stackNode{caller: caller, function: function})
	if p.nodes[caller].called == nil {
		p.nodes[caller].called = map[int64]int{}
	}
	p.nodes[caller].called[function] = len(p.nodes) - 1
	return len(p.nodes) - 1
}

func (p *profiling) close() error {
	out := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "calls", Unit: "count"}, {Type: "time", Unit: "nanoseconds"}},
		DefaultSampleType: "time",
		PeriodType:        &profile.ValueType{Type: "time", Unit: "nanoseconds"},
		Period:            1,
		TimeNanos:         p.first,
		DurationNanos:     max(p.last-p.first, 0),
	}
	locations := map[int64]*profile.Location{}
	for _, n := range p.nodes[1:] {
		sample := &profile.Sample{Value: []int64{n.calls, max(n.own, 0)}}
		sample.Location = append(sample.Location, p.location(out, locations, n.function))
		for at := n.caller; at != 0; at = p.nodes[at].caller {
			sample.Location = append(sample.Location, p.location(out, locations, p.nodes[at].function))
		}
		out.Sample = append(out.Sample, sample)
	}
	if err := out.CheckValid(); err != nil {
		return err
	}
	return out.Write(p.w)
}

// location returns that of a function, and makes it known to the profile.
func (p *profiling) location(out *profile.Profile, known map[int64]*profile.Location, function int64) *profile.Location {
	if l := known[function]; l != nil {
		return l
	}
	f := p.functions[function]
	named := &profile.Function{ID: uint64(len(out.Function) + 1), Name: f.Process, SystemName: f.Package + "." + f.Name, Filename: f.File, StartLine: f.Line}
	out.Function = append(out.Function, named)
	l := &profile.Location{ID: uint64(len(out.Location) + 1), Line: []profile.Line{{Function: named, Line: f.Line}}}
	out.Location = append(out.Location, l)
	known[function] = l
	return l
}
