package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"modernc.org/sqlite/vtab"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// Callers that are no function.
const (
	noCaller      = 0  // the call is a root
	unknownCaller = -1 // the caller was not stored
)

// edgeKey is a row of monitor_edges_60s or of monitor_edges_pending.
type edgeKey struct {
	pending bool  // the caller has not ended
	start   int64 // seconds since 1970 UTC, a multiple of coarseRollup
	caller  int64 // a function; of a pending one the call
	callee  int64 // a function
}

// compare orders keys as the two tables do.
func (k edgeKey) compare(o edgeKey) int {
	if k.pending {
		return cmp.Or(cmp.Compare(k.caller, o.caller), cmp.Compare(k.callee, o.callee), cmp.Compare(k.start, o.start))
	}
	return cmp.Or(cmp.Compare(k.start, o.start), cmp.Compare(k.caller, o.caller), cmp.Compare(k.callee, o.callee))
}

// edge is what the calls along it add up to.
type edge struct{ calls, errors, total int64 }

func (e *edge) add(c *spool.Call) {
	e.calls++
	if c.Failed() {
		e.errors++
	}
	if c.Flags&wire.FlagSampled == 0 {
		e.total += c.Duration
	}
}

// edgesOf finds who called whom among calls, which are in the order of their
// ids.
func edgesOf(calls []spool.Call, functions *places) map[edgeKey]*edge {
	edges := map[edgeKey]*edge{}
	var caller edgeKey
	var parent uint64
	var byCallee map[int32]*edge // by place, of one caller in one span
	spans := map[edgeKey]map[int32]*edge{}
	for i := range calls {
		c := &calls[i]
		if i == 0 || c.Parent != parent || c.Start < caller.start*1e9 || c.Start >= (caller.start+coarseRollup)*1e9 {
			// Calls of one caller come in rows.
			parent, caller = c.Parent, callerOf(calls[:i], c.Parent, functions)
			caller.start = startOf(c.Start, coarseRollup)
			if byCallee = spans[caller]; byCallee == nil {
				byCallee = map[int32]*edge{}
				spans[caller] = byCallee
			}
		}
		place := functions.of[i]
		into := byCallee[place]
		if into == nil {
			key := caller
			key.callee = functions.ids[place]
			if into = edges[key]; into == nil {
				into = new(edge)
				edges[key] = into
			}
			byCallee[place] = into
		}
		into.add(c)
	}
	return edges
}

// callerOf returns the key of edges from a call, which may be among those before it.
func callerOf(before []spool.Call, id uint64, functions *places) edgeKey {
	if at, ok := findCall(before, id); ok {
		return edgeKey{caller: functions.id(at)}
	}
	if id != 0 {
		return edgeKey{pending: true, caller: int64(id)}
	}
	return edgeKey{caller: noCaller}
}

// findCall finds a call by its id, by which calls are ordered.
func findCall(calls []spool.Call, id uint64) (at int, ok bool) {
	return slices.BinarySearchFunc(calls, id, func(c spool.Call, id uint64) int { return cmp.Compare(c.ID, id) })
}

// newEdgeFeed has the columns of monitor_edges_60s; a pending edge has the call
// of its caller there.
func newEdgeFeed() *feed {
	return &feed{name: "monitor_batch_edges",
		columns: "start_s INTEGER, caller_id INTEGER, callee_id INTEGER, run_id INTEGER, calls INTEGER, errors INTEGER, total_ns INTEGER"}
}

// awaited are the calls that pending edges wait for, by run.
type awaited map[sink.RunID]map[uint64]bool

// loadAwaited reads what a run's pending edges wait for.
func (s *Store) loadAwaited(ctx context.Context, run sink.RunID) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT DISTINCT parent_id FROM monitor_edges_pending WHERE run_id = ?", int64(run))
	if err != nil {
		return err
	}
	defer rows.Close()
	parents := map[uint64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		parents[uint64(id)] = true
	}
	s.awaited[run] = parents
	return rows.Err()
}

// writeEdges adds who called whom in a batch, and settles the edges that waited
// for a call in it. It returns what is to be done once the batch is committed.
func (s *Store) writeEdges(ctx context.Context, b *sink.Batch, ids map[*spool.Function]int64) (committed func(), err error) {
	edges := edgesOf(b.Calls, &s.places)
	if err := s.addEdges(ctx, b.Run, edges); err != nil {
		return nil, fmt.Errorf("write edges: %w", err)
	}
	ended := s.endedCallers(b, ids)
	if err := s.settle(ctx, b.Run, ended); err != nil {
		return nil, fmt.Errorf("settle edges: %w", err)
	}
	if b.Ended {
		if err := s.settleStored(ctx); err != nil {
			return nil, fmt.Errorf("settle edges: %w", err)
		}
		if err := s.settleRest(ctx, b.Run); err != nil {
			return nil, fmt.Errorf("settle edges: %w", err)
		}
	}
	return func() {
		parents := s.awaited[b.Run]
		if parents == nil {
			parents = map[uint64]bool{}
			s.awaited[b.Run] = parents
		}
		for key := range edges {
			if key.pending {
				parents[uint64(key.caller)] = true
			}
		}
		for _, c := range ended {
			delete(parents, uint64(c[0]))
		}
		if b.Ended {
			delete(s.awaited, b.Run)
		}
	}, nil
}

const addToEdge = ` ON CONFLICT DO UPDATE SET
	calls = calls + excluded.calls, errors = errors + excluded.errors, total_ns = total_ns + excluded.total_ns`

func (s *Store) addEdges(ctx context.Context, run sink.RunID, edges map[edgeKey]*edge) error {
	keys := slices.SortedFunc(maps.Keys(edges), edgeKey.compare)
	for _, kind := range []struct {
		pending bool
		insert  string
	}{
		{false, "INSERT INTO monitor_edges_60s (start_s, caller_id, callee_id, run_id, calls, errors, total_ns)"},
		{true, "INSERT INTO monitor_edges_pending (start_s, parent_id, callee_id, run_id, calls, errors, total_ns)"},
	} {
		wanted := slices.DeleteFunc(slices.Clone(keys), func(k edgeKey) bool { return k.pending != kind.pending })
		if len(wanted) == 0 {
			continue
		}
		s.edges.show(len(wanted), func(row, column int) vtab.Value {
			key := wanted[row]
			return [...]int64{key.start, key.caller, key.callee, int64(run), edges[key].calls, edges[key].errors, edges[key].total}[column]
		})
		_, err := s.conn.ExecContext(ctx, kind.insert+" SELECT * FROM temp."+s.edges.name+" WHERE true"+addToEdge)
		s.edges.clear()
		if err != nil {
			return err
		}
	}
	return nil
}

// endedCallers returns the calls of a batch that edges waited for before it,
// each with its function. A call that was open when its process died will not
// end any more, but its function is known.
func (s *Store) endedCallers(b *sink.Batch, ids map[*spool.Function]int64) (ended [][2]int64) {
	waiting := s.awaited[b.Run]
	for id := range waiting {
		if at, ok := findCall(b.Calls, id); ok {
			ended = append(ended, [2]int64{int64(id), ids[b.Calls[at].Function]})
		}
	}
	if b.Open != nil {
		for i := range b.Open.Calls {
			if c := &b.Open.Calls[i]; waiting[c.ID] {
				ended = append(ended, [2]int64{int64(c.ID), ids[c.Function]})
			}
		}
	}
	return ended
}

// settle turns pending edges into edges between functions.
func (s *Store) settle(ctx context.Context, run sink.RunID, ended [][2]int64) error {
	if len(ended) == 0 {
		return nil
	}
	list, err := json.Marshal(ended)
	if err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, `INSERT INTO monitor_edges_60s (start_s, caller_id, callee_id, run_id, calls, errors, total_ns)
		SELECT p.start_s, c.value ->> 1, p.callee_id, p.run_id, sum(p.calls), sum(p.errors), sum(p.total_ns)
		FROM json_each(?) c CROSS JOIN monitor_edges_pending p ON p.run_id = ? AND p.parent_id = c.value ->> 0
		WHERE true GROUP BY 1, 2, 3`+addToEdge, string(list), int64(run))
	if err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, `DELETE FROM monitor_edges_pending
		WHERE run_id = ? AND parent_id IN (SELECT value ->> 0 FROM json_each(?))`, int64(run), string(list))
	return err
}

// settleStored settles edges whose caller was stored before the call that it
// made, on a goroutine that outlived it. It is part of a transaction.
func (s *Store) settleStored(ctx context.Context) error {
	numbers, err := s.shownPartitions(ctx)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		caller := fmt.Sprintf("%s c ON c.id = p.run_id << %d | p.parent_id", tableName(n), schema.CallBits)
		err := s.exec(ctx, `INSERT INTO monitor_edges_60s (start_s, caller_id, callee_id, run_id, calls, errors, total_ns)
			SELECT p.start_s, c.function_id, p.callee_id, p.run_id, sum(p.calls), sum(p.errors), sum(p.total_ns)
			FROM monitor_edges_pending p CROSS JOIN `+caller+` WHERE true GROUP BY 1, 2, 3, 4`+addToEdge,
			`DELETE FROM monitor_edges_pending WHERE (run_id, parent_id) IN
			(SELECT p.run_id, p.parent_id FROM monitor_edges_pending p CROSS JOIN `+caller+`)`)
		if err != nil {
			return err
		}
	}
	return nil
}

// settleLate is settleStored in a transaction of its own.
func (s *Store) settleLate(ctx context.Context) error {
	if err := s.transaction(ctx, func() error { return s.settleStored(ctx) }); err != nil {
		return fmt.Errorf("settle edges: %w", err)
	}
	for run := range s.awaited {
		if err := s.loadAwaited(ctx, run); err != nil {
			return fmt.Errorf("settle edges: %w", err)
		}
	}
	return nil
}

// settleRest is for a run that has ended: nobody will say any more who the
// callers of its pending edges were.
func (s *Store) settleRest(ctx context.Context, run sink.RunID) error {
	_, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_edges_60s (start_s, caller_id, callee_id, run_id, calls, errors, total_ns)
		SELECT start_s, ?, callee_id, run_id, sum(calls), sum(errors), sum(total_ns)
		FROM monitor_edges_pending WHERE run_id = ? GROUP BY start_s, callee_id`+addToEdge, unknownCaller, int64(run))
	if err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, "DELETE FROM monitor_edges_pending WHERE run_id = ?", int64(run))
	return err
}
