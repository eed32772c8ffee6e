package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const sqlUsage = `usage: monitorgen sql [flags] [FILE | URL] STATEMENT

Sql runs one statement that reads, and prints its rows. FILE is a database,
monitor.db if not named; ` + serverText + `
Ask the views process_trace (a row per call),
data_trace (a row per argument and result), functions, runs, drops and
sink_stats.

	monitorgen sql "SELECT process, avg(duration_ms) FROM process_trace GROUP BY process"

The JSON is {"columns": [name, ...], "rows": [{name: value, ...}, ...],
"truncated": whether there were more}.
`

func runSQL(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "sql", sqlUsage)
	n := fs.Int("n", 1000, "print `N` rows at most")
	asJSON := fs.Bool("json", false, "print JSON")
	asCSV := fs.Bool("csv", false, "print comma-separated values, the columns' names first")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, statement := "", fs.Arg(0)
	switch {
	case fs.NArg() == 2:
		name, statement = fs.Arg(0), fs.Arg(1)
	case fs.NArg() != 1:
		return e.failf("sql takes a statement in quotes, after the database if that is not monitor.db; flags come first")
	}
	switch {
	case *n < 1:
		return e.failf("-n: %d rows cannot be printed", *n)
	case *asJSON && *asCSV:
		return e.failf("-json and -csv exclude each other")
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	table, err := db.SQL(ctx, statement, *n)
	switch {
	case errors.Is(err, query.ErrNoStatement):
		return e.failf("no statement to run")
	case err != nil:
		return e.failQuery(db.Path(), err)
	case *asJSON:
		e.printJSON(map[string]any{"columns": table.Columns, "rows": rowObjects(table), "truncated": table.Truncated})
	case *asCSV:
		e.printCSV(table)
	default:
		e.printRows(table)
	}
	if table.Truncated {
		fmt.Fprintf(e.stderr, "monitorgen: only the first %s; -n sets how many\n", plural(int64(*n), "row"))
	}
	return exitDone
}

func (e *env) printRows(table *query.Table) {
	t := textTable{right: make([]bool, len(table.Columns))}
	for _, c := range table.Columns {
		t.head = append(t.head, oneLine(c))
	}
	for i := range table.Columns {
		t.right[i] = numbers(table, i)
	}
	for _, row := range table.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = oneLine(cellText(v, "NULL"))
		}
		t.add(cells...)
	}
	t.print(e.stdout)
}

// numbers reports whether a column holds numbers, and NULL, alone.
func numbers(table *query.Table, column int) bool {
	found := false
	for _, row := range table.Rows {
		switch row[column].(type) {
		case int64, float64:
			found = true
		case nil:
		default:
			return false
		}
	}
	return found
}

func (e *env) printCSV(table *query.Table) {
	w := csv.NewWriter(e.stdout)
	w.Write(table.Columns)
	for _, row := range table.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cellText(v, "")
		}
		w.Write(cells)
	}
	w.Flush() // an error is a closed pipe: nobody is left to tell
}

func cellText(v any, null string) string {
	switch v := v.(type) {
	case nil:
		return null
	case float64:
		return floatText(v)
	case []byte:
		return bytesText(v)
	}
	return fmt.Sprint(v)
}

// floatText shows small and large numbers, as far as they are readable, in full.
func floatText(f float64) string {
	format := byte('g')
	if size := math.Abs(f); size >= 1e-9 && size < 1e15 {
		format = 'f'
	}
	return strconv.FormatFloat(f, format, -1, 64)
}

// bytesText shows a blob: as text if it is, else as hexadecimal digits.
func bytesText(b []byte) string {
	if utf8.Valid(b) && !bytes.ContainsFunc(b, hidden) {
		return string(b)
	}
	return fmt.Sprintf("0x%x", b)
}

// rowObject is a row in JSON, with its columns in order.
type rowObject struct {
	columns []string
	row     []any
}

func rowObjects(table *query.Table) []rowObject {
	objects := []rowObject{}
	for _, row := range table.Rows {
		objects = append(objects, rowObject{table.Columns, row})
	}
	return objects
}

func (o rowObject) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, v := range o.row {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(o.columns[i]); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(jsonValue(v)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonValue is a value as JSON can have it.
func jsonValue(v any) any {
	switch v := v.(type) {
	case []byte:
		return bytesText(v)
	case float64:
		if _, err := json.Marshal(v); err != nil {
			return cellText(v, "") // an infinity
		}
	}
	return v
}
