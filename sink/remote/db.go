package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// DB reads one database. Its methods may be called by several goroutines at once,
// and while others write the database.
type DB struct{ engine Engine }

// New reads by an engine, which Close closes.
func New(e Engine) *DB { return &DB{e} }

// Close ends reading.
func (d *DB) Close() error { return d.engine.Close() }

// Path returns the address, without credentials.
func (d *DB) Path() string { return d.engine.String() }

// fail names the database and the operation that went wrong.
func (d *DB) fail(operation string, err error) error {
	return fmt.Errorf("%s: %s: %w", d.engine, operation, d.engine.Hide(err))
}

// each calls scan for every row of a statement.
func (d *DB) each(ctx context.Context, statement string, args []any, scan func(Rows) error) error {
	rows, err := d.engine.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one reads the first row of a statement; found is false where there is none.
func (d *DB) one(ctx context.Context, statement string, args []any, into ...any) (found bool, err error) {
	err = d.each(ctx, statement, args, func(rows Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(into...)
	})
	return found, err
}

// functions are those of a database, by their ids.
type functions map[int64]*query.Function

// named is what terms know of a function.
func named(f *query.Function) filter.Named {
	return filter.Named{Process: f.Process, Package: f.Package, Name: f.Name, Group: f.Group}
}

// that returns the ids of functions.
func (all functions) that(takes func(*query.Function) bool) map[int64]bool {
	found := map[int64]bool{}
	for id, f := range all {
		if takes(f) {
			found[id] = true
		}
	}
	return found
}

func (d *DB) functions(ctx context.Context) (functions, error) {
	list, err := d.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	all := make(functions, len(list))
	for i := range list {
		all[list[i].ID] = &list[i]
	}
	return all, nil
}

const functionColumns = `function_id, name, package, file, line, signature, process, "group", options`

// AllFunctions returns every version of every function, without source text.
func (d *DB) AllFunctions(ctx context.Context) ([]query.Function, error) {
	all, err := d.readFunctions(ctx, "'' AS source", "ORDER BY function_id")
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	return all, nil
}

// FunctionByID returns a function with its source text. The error wraps
// query.ErrNoFunction if there is none.
func (d *DB) FunctionByID(ctx context.Context, id int64) (*query.Function, error) {
	all, err := d.readFunctions(ctx, "source", "WHERE function_id = ?", id)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: %d", query.ErrNoFunction, id)
	}
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	return &all[0], nil
}

func (d *DB) readFunctions(ctx context.Context, source, rest string, args ...any) (all []query.Function, err error) {
	statement := "SELECT " + functionColumns + ", " + d.engine.Text("data") + ", " + source + " FROM monitor_functions " + rest
	err = d.each(ctx, statement, args, func(rows Rows) error {
		var f query.Function
		var data string
		if err := rows.Scan(&f.ID, &f.Name, &f.Package, &f.File, &f.Line, &f.Signature, &f.Process, &f.Group, &f.Options, &data, &f.Source); err != nil {
			return err
		}
		all = append(all, f)
		if err := json.Unmarshal([]byte(data), &all[len(all)-1].Data); err != nil {
			return fmt.Errorf("values of function %s.%s: %w", f.Package, f.Name, err)
		}
		return nil
	})
	return all, err
}

// in is the condition that a column has one of some numbers.
func in[N any](column string, numbers []N) string {
	if len(numbers) == 0 {
		return "1 = 0"
	}
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = fmt.Sprint(n)
	}
	return column + " IN (" + strings.Join(parts, ",") + ")"
}
