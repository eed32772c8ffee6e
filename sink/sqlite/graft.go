package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/monitorgen/monitorgen/sink/sqlite/btree"
	"github.com/monitorgen/monitorgen/sink/sqlite/image"
)

// graft makes the index of functions of a closed partition out of pages that are
// laid out in memory: some milliseconds, in which nobody else can write, where CREATE
// INDEX takes a microsecond for each row. SQLite makes room for the pages, as a table of
// one value that fills them, and they are written over it (sqlite_dbpage); then the
// table's line in the schema becomes that of the index. It is one transaction: others
// see no index or the whole of it, and so does who comes after a crash.
//
// It has a connection of its own, since a connection that has read a page goes on with
// what it knows of it.
type graft struct {
	db       *sql.DB
	conn     *sql.Conn
	pageSize int
	plain    bool // a page has nothing but its b-tree, and no other page speaks of it
}

// graftIndex gives a partition an index of entries that are in its order.
func (s *Store) graftIndex(ctx context.Context, number int64, x *index, entries *noted) error {
	g, err := openGraft(ctx, s.path)
	if err != nil {
		return err
	}
	defer g.close()
	tree, err := g.layOut(entries) // before others have to wait
	if err != nil {
		return err
	}
	if err := g.index(ctx, number, x, tree); err != nil {
		return err
	}
	if err := g.exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return err
	}
	s.log.written(g.conn)
	return nil
}

// openGraft opens the connection; close rolls back what was not committed.
func openGraft(ctx context.Context, path string) (*graft, error) {
	g := &graft{db: sql.OpenDB(&connector{driver: new(sqlite.Driver), dsn: dsn(path, busyTimeout)})}
	var err error
	if g.conn, err = g.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, g.db.Close())
	}
	for _, statement := range []string{"PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 0", "PRAGMA cache_size = -16384"} {
		if err := g.exec(ctx, statement); err != nil {
			g.close()
			return nil, err
		}
	}
	if err := g.readForm(ctx); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *graft) close() {
	g.conn.Close()
	g.db.Close()
}

func (g *graft) exec(ctx context.Context, statement string, args ...any) error {
	_, err := g.conn.ExecContext(ctx, statement, args...)
	return err
}

// index begins the transaction and does all but commit it. Where another process was
// here first, or took the partition away, there is nothing to do.
func (g *graft) index(ctx context.Context, number int64, x *index, tree *btree.Index) error {
	table := tableName(number)
	if err := g.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	var wanted bool
	err := g.conn.QueryRowContext(ctx, `SELECT count(*) FROM monitor_partitions WHERE number = ? AND NOT indexed AND NOT expired`, number).Scan(&wanted)
	if err != nil || !wanted {
		return err
	}
	if err := g.exec(ctx, "UPDATE monitor_partitions SET indexed = 1 WHERE number = ?", number); err != nil {
		return err
	}
	if !g.plain {
		return g.exec(ctx, "CREATE INDEX "+x.definition(table))
	}
	numbers, err := g.makeRoom(ctx, x.of(table), tree.Finish())
	if err != nil {
		return err
	}
	if err := g.writePages(ctx, tree, numbers); err != nil {
		return err
	}
	return g.becomeIndex(ctx, table, x)
}

// readForm reads what the first page says of all: the bytes that each has for others,
// and whether there are pages that say what each is (auto_vacuum). We make no such files.
func (g *graft) readForm(ctx context.Context) error {
	var first []byte
	if err := g.conn.QueryRowContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = 1").Scan(&first); err != nil {
		return fmt.Errorf("read the first page: %w", err)
	}
	g.pageSize = len(first)
	g.plain = first[20] == 0 && binary.BigEndian.Uint32(first[52:]) == 0
	return nil
}

func (g *graft) layOut(entries *noted) (*btree.Index, error) {
	tree := btree.New(g.pageSize)
	var r image.Record
	var record []byte
	err := entries.each(func(function int64, e entry) error {
		r.Reset()
		r.Int(function)
		r.Int(e.column)
		r.Int(e.id)
		record = r.AppendTo(record[:0])
		return tree.Append(record)
	})
	return tree, err
}

// makeRoom makes a table that takes a number of pages, and returns which, that of its
// root first. Its only value fills as many overflow pages: all but what minLocal says
// is there, and the record's header, of at most six bytes, is less than a page.
func (g *graft) makeRoom(ctx context.Context, name string, pages int) (numbers []uint32, err error) {
	minLocal := (g.pageSize-12)*32/255 - 23
	if err := g.exec(ctx, "CREATE TABLE "+name+" (room)"); err != nil {
		return nil, err
	}
	if pages > 1 {
		if err := g.exec(ctx, "INSERT INTO "+name+" VALUES (zeroblob(?))", minLocal+(pages-1)*(g.pageSize-4)-6); err != nil {
			return nil, err
		}
	}
	rows, err := g.conn.QueryContext(ctx, "SELECT pageno FROM dbstat WHERE name = ? ORDER BY path", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var number uint32
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, rows.Err()
}

func (g *graft) writePages(ctx context.Context, tree *btree.Index, numbers []uint32) error {
	update, err := g.conn.PrepareContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")
	if err != nil {
		return err
	}
	defer update.Close()
	return tree.Write(numbers, func(number uint32, data []byte) error {
		_, err := update.ExecContext(ctx, data, number)
		return err
	})
}

// becomeIndex makes an index of the table whose pages are those of one. A change of
// the schema's version has every connection read the schema again.
func (g *graft) becomeIndex(ctx context.Context, table string, x *index) error {
	var version int64
	if err := g.conn.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return err
	}
	for _, change := range []struct {
		statement string
		args      []any
	}{
		{"PRAGMA writable_schema = ON", nil},
		{"UPDATE sqlite_schema SET type = 'index', tbl_name = ?, sql = ? WHERE name = ?", []any{table, "CREATE INDEX " + x.definition(table), x.of(table)}},
		{fmt.Sprintf("PRAGMA schema_version = %d", version+1), nil},
		{"PRAGMA writable_schema = OFF", nil},
	} {
		if err := g.exec(ctx, change.statement, change.args...); err != nil {
			return err
		}
	}
	return nil
}
