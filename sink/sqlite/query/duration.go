package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
)

// mostByDuration is up to which rank calls in the order of their durations are
// found partition by partition.
const mostByDuration = 2000

// timed is a call by its duration; -1 is that of a call without one.
type timed struct{ duration, id int64 }

func (t timed) compare(o timed) int {
	return cmp.Or(cmp.Compare(t.duration, o.duration), cmp.Compare(t.id, o.id))
}

// tops remembers the first calls by duration of partitions, each for a selection
// and as many rows as the partition had: no index has that order, so finding them
// reads the partition once. Calls are added alone, and the writer counts them.
type tops struct {
	mu    sync.Mutex
	byKey map[string][]timed
	keys  []string // in the order in which they came
}

// rememberedTops bounds the memory: at 32 KiB each at most, 16 MiB.
const rememberedTops = 512

func (t *tops) get(key string) ([]timed, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.byKey[key]
	return found, ok
}

func (t *tops) put(key string, found []timed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = map[string][]timed{}
	}
	if _, ok := t.byKey[key]; !ok {
		t.keys = append(t.keys, key)
	}
	t.byKey[key] = found
	for len(t.keys) > rememberedTops {
		delete(t.byKey, t.keys[0])
		t.keys = t.keys[1:]
	}
}

// byDuration returns a page in the order of durations.
func (d *DB) byDuration(ctx context.Context, functions map[int64]*function, sel *selection, page Page, limit int) (calls []*Call, err error) {
	descending := page.Order == SlowestFirst
	if page.Before != (CallID{}) && page.After == (CallID{}) {
		descending = !descending
	}
	first := func(a, b timed) int {
		if descending {
			a, b = b, a
		}
		return a.compare(b)
	}
	err = d.inPartitions(ctx, func(tx *sql.Tx, partitions []partition) error {
		var found []timed
		for i := range partitions {
			if sel.misses(&partitions[i]) {
				continue
			}
			more, err := d.top(ctx, tx, &partitions[i], sel, page, descending, limit+int(page.Skip))
			if err != nil {
				return err
			}
			found = append(found, more...)
		}
		slices.SortFunc(found, first)
		found = found[min(int(page.Skip), len(found)):min(int(page.Skip)+limit, len(found))]
		calls, err = callsOf(ctx, tx, functions, found)
		return err
	})
	return calls, err
}

// top returns the first n calls by duration of one partition.
func (d *DB) top(ctx context.Context, tx *sql.Tx, p *partition, sel *selection, page Page, descending bool, n int) ([]timed, error) {
	// What the whole partition fits is left out: it differs from one pin to the next.
	where := sel.within(p).where()
	page.where(&where)
	direction := "ASC"
	if descending {
		direction = "DESC"
	}
	text := fmt.Sprintf("SELECT coalesce(duration_ns, -1), id FROM %s AS calls WHERE %s ORDER BY 1 %[3]s, 2 %[3]s LIMIT %d", p.table, where.text, direction, n)
	key := fmt.Sprint(p.rows, text, where.args)
	if found, ok := d.tops.get(key); ok {
		return found, nil
	}
	rows, err := tx.QueryContext(ctx, text, where.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []timed{}
	for rows.Next() {
		var t timed
		if err := rows.Scan(&t.duration, &t.id); err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	d.tops.put(key, found)
	return found, nil
}

// within is the selection without the bounds that all calls of a partition keep.
func (s *selection) within(p *partition) *selection {
	c := *s
	if c.since <= p.first {
		c.since = math.MinInt64
	}
	if p.last < c.until {
		c.until = math.MaxInt64
	}
	for _, one := range c.spans {
		if one.low <= p.low && p.high <= one.high {
			c.spans = nil
			break
		}
	}
	return &c
}

// callsOf returns calls in the order of the list.
func callsOf(ctx context.Context, tx *sql.Tx, functions map[int64]*function, list []timed) ([]*Call, error) {
	ids := make([]string, len(list))
	at := map[CallID]int{}
	for i, t := range list {
		ids[i] = fmt.Sprint(t.id)
		at[callOfRow(t.id)] = i
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+callColumns+" FROM calls WHERE id IN ("+strings.Join(ids, ",")+")")
	if err != nil {
		return nil, err
	}
	calls, err := scanCalls(rows, functions)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(calls, func(a, b *Call) int { return cmp.Compare(at[a.ID], at[b.ID]) })
	return calls, nil
}
