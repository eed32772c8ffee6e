package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// noted is what the index by function of one partition has: the start and the key of
// each call. Who writes a partition has seen all of them, and need not read them again.
type noted struct {
	number     int64 // of the partition
	rows       int64
	byFunction map[int64][]entry
}

func newNoted(number int64) *noted { return &noted{number: number, byFunction: map[int64][]entry{}} }

func (n *noted) add(function int64, e entry) {
	n.byFunction[function] = append(n.byFunction[function], e)
	n.rows++
}

// addCalls adds the calls of a batch.
func (n *noted) addCalls(run int64, calls []spool.Call, functions *places) {
	lists := make([][]entry, len(functions.ids))
	for place, id := range functions.ids {
		lists[place] = n.byFunction[id]
	}
	for i := range calls {
		place := functions.of[i]
		lists[place] = append(lists[place], entry{calls[i].Start, run<<schema.CallBits | int64(calls[i].ID)})
	}
	for place, id := range functions.ids {
		n.byFunction[id] = lists[place]
	}
	n.rows += int64(len(calls))
}

// each calls do with all entries in the order of the index.
func (n *noted) each(do func(function int64, e entry) error) error {
	for _, function := range slices.Sorted(maps.Keys(n.byFunction)) {
		entries := n.byFunction[function]
		slices.SortFunc(entries, entry.compare) // in order already, or nearly
		for _, e := range entries {
			if err := do(function, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// note notes the calls of a batch that was committed.
func (s *Store) note(run int64, calls []spool.Call) {
	if len(calls) == 0 {
		return
	}
	n := s.noted[0]
	if n == nil || n.number != s.partition.number {
		// Of those before, one alone is kept: who never indexes must not collect them.
		n = newNoted(s.partition.number)
		s.noted = [2]*noted{n, s.noted[0]}
	}
	n.addCalls(run, calls, &s.places)
}

// entriesOf returns what the index by function of a closed partition has. What others
// have written of it, or this process before it was started again, is read.
func (s *Store) entriesOf(ctx context.Context, number, rows int64) (*noted, error) {
	for _, n := range s.noted {
		if n != nil && n.number == number && n.rows == rows {
			return n, nil
		}
	}
	found, err := s.conn.QueryContext(ctx, "SELECT function_id, start_ns, id FROM "+tableName(number))
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer found.Close()
	n := newNoted(number)
	for found.Next() {
		var function int64
		var e entry
		if err := found.Scan(&function, &e.column, &e.id); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		n.add(function, e)
	}
	return n, found.Err()
}

// forget lets go what was noted of a partition that is indexed.
func (s *Store) forget(number int64) {
	for i, n := range s.noted {
		if n != nil && n.number == number {
			s.noted[i] = nil
		}
	}
}
