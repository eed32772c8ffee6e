package sqlite

import (
	"modernc.org/sqlite/vtab"
)

// feed shows rows that this process holds to SQL as a table, temp.NAME, so that
// one INSERT ... SELECT stores them all. That takes half the time of an INSERT
// per row: no statement is bound, stepped and reset for each.
type feed struct {
	name    string
	columns string // for CREATE TABLE
	rows    int
	value   func(row, column int) vtab.Value
	row     int
}

// show makes the feed show rows.
func (f *feed) show(rows int, value func(row, column int) vtab.Value) {
	f.rows, f.value, f.row = rows, value, 0
}

func (f *feed) clear() { f.rows, f.value = 0, nil }

// Create declares the columns. Create and Connect make it a vtab.Module, the
// next three methods a vtab.Table, the rest a vtab.Cursor: there is one table
// and one scan at a time.
func (f *feed) Create(ctx vtab.Context, _ []string) (vtab.Table, error) {
	return f, ctx.Declare("CREATE TABLE feed (" + f.columns + ")")
}

func (f *feed) Connect(ctx vtab.Context, args []string) (vtab.Table, error) {
	return f.Create(ctx, args)
}

func (f *feed) BestIndex(*vtab.IndexInfo) error { return nil }
func (f *feed) Disconnect() error               { return nil }
func (f *feed) Destroy() error                  { return nil }

func (f *feed) Open() (vtab.Cursor, error) { return f, nil }

func (f *feed) Filter(int, string, []vtab.Value) error { f.row = 0; return nil }
func (f *feed) Next() error                            { f.row++; return nil }
func (f *feed) Eof() bool                              { return f.row >= f.rows }
func (f *feed) Rowid() (int64, error)                  { return int64(f.row), nil }
func (f *feed) Close() error                           { return nil }

func (f *feed) Column(column int) (vtab.Value, error) { return f.value(f.row, column), nil }
