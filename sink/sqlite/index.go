package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/image"
)

// index is one that a closed partition has. Those that the open one has too are
// copied into it with the rows: their entries go to the end of the index or close
// to it, which costs a tenth of a row. By function they would go everywhere: that
// costs half as much as the row and, in small batches, a page for each function. They
// are put in order when the partition is closed (graft.go).
type index struct {
	name string // the end of its name
	on   string
	// live returns what the index has of a call, and whether it has it; nil: it is
	// made when the partition is closed.
	live func(c *spool.Call) (column int64, in bool)
}

var indexes = []index{
	{"trace", "(trace_id)", func(c *spool.Call) (int64, bool) { return int64(c.Trace), true }},
	{"errors", "(start_ns) WHERE status = 1", func(c *spool.Call) (int64, bool) { return c.Start, c.Failed() }},
	{"function", "(function_id, start_ns)", nil},
}

// liveIndexes are those of the open partition.
var liveIndexes = slices.DeleteFunc(slices.Clone(indexes), func(x index) bool { return x.live == nil })

// of is the name of the index of a table.
func (x *index) of(table string) string { return table + "_" + x.name }

// definition is what follows CREATE INDEX.
func (x *index) definition(table string) string { return x.of(table) + " ON " + table + " " + x.on }

// entry is one of a live index: its column, and the key of the row.
type entry struct{ column, id int64 }

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.column, o.column), cmp.Compare(e.id, o.id))
}

// fill gives an image of a table the entries of an index, which it puts in order.
func (x *index) fill(into *image.Index, entries []entry) error {
	slices.SortFunc(entries, entry.compare) // in order already, or nearly
	var r image.Record
	for _, e := range entries {
		r.Reset()
		r.Int(e.column)
		r.Int(e.id)
		if err := into.Append(&r); err != nil {
			return fmt.Errorf("index %s: %w", x.name, err)
		}
	}
	return nil
}

// addLiveIndexes gives a partition that has no rows the indexes that rows come
// with. It is part of a transaction.
func (s *Store) addLiveIndexes(ctx context.Context, number int64) error {
	for i := range liveIndexes {
		if err := s.exec(ctx, "CREATE INDEX IF NOT EXISTS "+liveIndexes[i].definition(tableName(number))); err != nil {
			return fmt.Errorf("index a partition: %w", err)
		}
	}
	return nil
}

// indexNext makes one index that a closed partition lacks, also one that a
// process before us closed; more says that there may be another.
func (s *Store) indexNext(ctx context.Context) (more bool, err error) {
	var number, rows int64
	query := `SELECT number, rows FROM monitor_partitions
		WHERE NOT indexed AND NOT expired AND number < (SELECT max(number) FROM monitor_partitions) ORDER BY number DESC LIMIT 1`
	err = s.conn.QueryRowContext(ctx, query).Scan(&number, &rows)
	if errors.Is(err, sql.ErrNoRows) {
		s.unindexed = false
		return false, nil
	}
	if err == nil {
		err = s.index(ctx, number, rows)
	}
	if err != nil {
		return false, fmt.Errorf("%s: index %s: %w", s.path, tableName(number), err)
	}
	return true, nil
}

// index makes the first index that a closed partition lacks, and with the last one it
// is indexed. Only in files of earlier versions those are missing that come with rows.
func (s *Store) index(ctx context.Context, number, rows int64) error {
	table := tableName(number)
	for i := range indexes {
		there, err := s.hasIndex(ctx, indexes[i].of(table))
		if err != nil {
			return err
		}
		switch {
		case there:
		case indexes[i].live != nil:
			return s.transaction(ctx, func() error { return s.exec(ctx, "CREATE INDEX IF NOT EXISTS "+indexes[i].definition(table)) })
		default:
			entries, err := s.entriesOf(ctx, number, rows)
			if err != nil {
				return err
			}
			err = s.graftIndex(ctx, number, &indexes[i], entries)
			if err == nil {
				s.forget(number)
			}
			return err
		}
	}
	return s.transaction(ctx, func() error {
		return s.exec(ctx, fmt.Sprintf("UPDATE monitor_partitions SET indexed = 1 WHERE number = %d", number))
	})
}

func (s *Store) hasIndex(ctx context.Context, name string) (there bool, err error) {
	err = s.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?)", name).Scan(&there)
	return there, err
}
