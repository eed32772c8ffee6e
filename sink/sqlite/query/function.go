package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNoFunction is for a function that is not in the database.
var ErrNoFunction = errors.New("no such function")

// Function is one version of a recorded function: one source text.
type Function struct {
	ID             int64
	Name, Package  string
	File           string
	Line           int64 // 0: not known
	Signature      string
	Process, Group string
	Options        string
	Source         string // only FunctionByID reads it
	Data           []Datum
}

// Datum describes an argument or a result of a function.
type Datum struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Output bool   `json:"output"`
}

const functionColumns = `function_id, name, package, file, line, signature, process, "group", options, data`

// AllFunctions returns every version of every function, without source text.
func (d *DB) AllFunctions(ctx context.Context) ([]Function, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT "+functionColumns+", '' FROM functions ORDER BY function_id")
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	defer rows.Close()
	var all []Function
	for rows.Next() {
		f, err := scanFunction(rows)
		if err != nil {
			return nil, d.fail("read functions", err)
		}
		all = append(all, *f)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read functions", err)
	}
	return all, nil
}

// FunctionByID returns a function with its source text. The error wraps
// ErrNoFunction if there is none.
func (d *DB) FunctionByID(ctx context.Context, id int64) (*Function, error) {
	row := d.db.QueryRowContext(ctx, "SELECT "+functionColumns+", source FROM functions WHERE function_id = ?", id)
	f, err := scanFunction(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %d", ErrNoFunction, id)
	}
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	return f, nil
}

func scanFunction(row interface{ Scan(...any) error }) (*Function, error) {
	var f Function
	var data string
	err := row.Scan(&f.ID, &f.Name, &f.Package, &f.File, &f.Line, &f.Signature, &f.Process, &f.Group, &f.Options, &data, &f.Source)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(data), &f.Data); err != nil {
		return nil, fmt.Errorf("values of function %s.%s: %w", f.Package, f.Name, err)
	}
	return &f, nil
}
