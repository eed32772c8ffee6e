package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/export"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/control"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
	"github.com/monitorgen/monitorgen/sink/status"
)

// programs are what the dashboard knows of running programs, and changes: by the
// spool that goes with its database.
type programs struct {
	env   *env
	db    *query.DB
	spool string
}

func (e *env) programs(db *query.DB) *programs { return &programs{e, db, e.spoolOf(db.Path())} }

// Controlled returns what is recorded of each function.
func (p *programs) Controlled(ctx context.Context) ([]dashboard.Controlled, error) {
	report, err := p.env.controllable(ctx, p.db.Path(), p.spool)
	if err != nil {
		return nil, err
	}
	all := make([]dashboard.Controlled, len(report.Functions))
	for i, f := range report.Functions {
		all[i] = dashboard.Controlled{Process: f.Process, Package: f.Package, Name: f.Name, Group: f.Group, Mode: f.Level, Sample: f.Sample, Set: f.Set, Running: f.Running}
	}
	return all, nil
}

// Control changes the functions of the processes that are named.
func (p *programs) Control(ctx context.Context, changes []dashboard.ControlChange) error {
	report, err := p.env.controllable(ctx, p.db.Path(), p.spool)
	if err != nil {
		return err
	}
	orders := make([]controlOrder, len(changes))
	for i, c := range changes {
		orders[i] = controlOrder{sample: c.Sample, reset: c.Mode == "reset"}
		if c.Mode == "" || c.Mode == "reset" {
			continue
		}
		level, err := control.ParseLevel(c.Mode)
		if err != nil {
			return err
		}
		orders[i].level = &level
	}
	_, err = control.Change(p.spool, func(s *control.Settings) {
		for i, c := range changes {
			orders[i].apply(s, report.named(c.Process))
		}
	})
	return err
}

// named returns the functions of a process name, which those of several packages
// may share.
func (r *controlReport) named(process string) (some []*controlEntry) {
	for _, f := range r.Functions {
		if f.Process == process {
			some = append(some, f)
		}
	}
	return some
}

// sinks returns how those do that bring the spool into the database.
func (p *programs) sinks() ([]dashboard.SinkState, error) {
	drainers, err := status.Read(p.spool)
	if err != nil {
		return nil, err
	}
	states := make([]dashboard.SinkState, len(drainers))
	for i, d := range drainers {
		states[i] = dashboard.SinkState{
			PID: d.PID, Host: d.Host, Program: d.Program, State: string(d.State()),
			Breaker: d.Breaker, Failures: d.Failures, Error: d.Error,
		}
		if !d.Behind.IsZero() {
			states[i].Behind = max(0, int64(time.Since(d.Behind)))
		}
	}
	return states, nil
}

// spools returns what lies in the spool folder: whose process lives, and what is
// not stored yet. A run that is removed meanwhile is left out.
func (p *programs) spools(ctx context.Context) ([]dashboard.Spooled, error) {
	ids, err := spool.List(p.spool)
	if err != nil {
		return nil, err
	}
	stored, err := p.db.Positions(ctx)
	if err != nil {
		return nil, err
	}
	all := []dashboard.Spooled{}
	for _, id := range ids {
		s := dashboard.Spooled{UUID: id}
		if s.Alive, err = spool.Alive(p.spool, id); err != nil {
			return nil, err
		}
		backlog, err := spool.ReadBacklog(p.spool, id, spoolPositions(stored[id]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		s.Waiting = map[string]int64{"normal": backlog.Normal, "error": backlog.Error}
		all = append(all, s)
	}
	return all, nil
}

func spoolPositions(stored []query.Position) (positions []spool.Position) {
	for _, p := range stored {
		positions = append(positions, spool.Position{Lane: wire.Lane(p.Lane), Shard: uint32(p.Shard), Segment: uint32(p.Segment), Offset: uint64(p.Offset)})
	}
	return positions
}

// open returns the calls that the running processes are in, of those that the
// database knows.
func (p *programs) open(ctx context.Context, full bool) ([]export.Call, error) {
	runs, err := spool.OpenNow(p.spool)
	if len(runs) == 0 {
		return []export.Call{}, err
	}
	ids, err := p.numbers(ctx, "SELECT uuid, run_id FROM runs WHERE ended IS NULL")
	if err != nil {
		return nil, err
	}
	functions, err := p.numbers(ctx, "SELECT process, max(function_id) FROM functions GROUP BY process")
	if err != nil {
		return nil, err
	}
	now, calls := time.Now(), []export.Call{}
	for _, r := range runs {
		id, known := ids[r.Info.ID]
		if !known {
			continue // nobody has drained it yet
		}
		for i := range r.Open.Calls {
			c := openCall(&r.Open.Calls[i], id, now)
			c.Function = functions[c.Process]
			calls = append(calls, export.NewCall(c, full))
		}
	}
	return calls, nil
}

// numbers returns the rows of a statement: a name and a number each.
func (p *programs) numbers(ctx context.Context, statement string) (map[string]int64, error) {
	table, err := p.db.SQL(ctx, statement, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("open calls: %w", err)
	}
	numbers := map[string]int64{}
	for _, row := range table.Rows {
		name, _ := row[0].(string)
		numbers[name], _ = row[1].(int64)
	}
	return numbers, nil
}

// openCall is an open call as the database would have it.
func openCall(c *spool.Call, run int64, now time.Time) *query.Call {
	start := time.Unix(0, c.Start).UTC()
	call := &query.Call{
		ID: query.CallID{Run: run, Call: int64(c.ID)}, Parent: int64(c.Parent), Trace: int64(c.Trace),
		Depth: int64(c.Depth), Goroutine: int64(c.Goroutine), Process: c.Function.Process, Group: c.Function.Group,
		Start: start, Duration: max(0, now.Sub(start)), Open: true,
	}
	for _, a := range newOpenEntry(c, call.Duration).Arguments {
		text, _ := a.Value.(json.RawMessage)
		call.Arguments = append(call.Arguments, query.Value{Name: a.Name, Type: a.Type, JSON: text})
	}
	return call
}
