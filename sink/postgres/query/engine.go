package query

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/remote"
	vocabulary "github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// engine is PostgreSQL as package remote asks it.
type engine struct {
	address *sink.Address
	pool    *pgxpool.Pool
	rolled  int64 // from when on there are rollups
}

func (e *engine) String() string       { return e.address.String() }
func (e *engine) Hide(err error) error { return e.address.Hide(err) }

func (e *engine) Close() error {
	e.pool.Close()
	return nil
}

func (e *engine) Query(ctx context.Context, statement string, args ...any) (remote.Rows, error) {
	return e.pool.Query(ctx, numbered(statement), args...)
}

// numbered puts PostgreSQL's $1, $2 and so on in place of the question marks that
// are in no quotes.
func numbered(statement string) string {
	var out strings.Builder
	n, quoted := 0, false
	for i := range len(statement) {
		switch c := statement[i]; {
		case c == '?' && !quoted:
			n++
			out.WriteString("$" + strconv.Itoa(n))
		default:
			quoted = quoted != (c == '\'')
			out.WriteByte(c)
		}
	}
	return out.String()
}

// errNoRows is of statements that would return none. COPY is one, which in a
// transaction that is read only can still write files of the server and run its programs.
var errNoRows = errors.New("only statements that return rows are run")

// Table runs a user's statement in a transaction that is read only, by itself: the
// protocol takes one statement. The connection goes afterwards, with all that the
// statement may have set.
func (e *engine) Table(ctx context.Context, statement string, limit int) (*vocabulary.Table, error) {
	pooled, err := e.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	conn := pooled.Hijack()
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx) // what is left of the rows is not waited for
	defer cancel()
	if _, err := conn.Exec(ctx, "BEGIN READ ONLY"); err != nil {
		return nil, err
	}
	prepared, err := conn.PgConn().Prepare(ctx, "", statement, nil)
	if err != nil {
		return nil, err
	}
	if len(prepared.Fields) == 0 {
		return nil, errNoRows
	}
	result := conn.PgConn().ExecPrepared(ctx, "", nil, nil, nil)
	table := &vocabulary.Table{Columns: []string{}, Rows: [][]any{}}
	fields := result.FieldDescriptions()
	for _, f := range fields {
		table.Columns = append(table.Columns, f.Name)
	}
	for result.NextRow() {
		if len(table.Rows) == limit {
			table.Truncated = true
			return table, nil
		}
		row := make([]any, len(fields))
		for i, text := range result.Values() {
			row[i] = cell(fields[i].DataTypeOID, text)
		}
		table.Rows = append(table.Rows, row)
	}
	if _, err := result.Close(); err != nil {
		return nil, err
	}
	return table, nil
}

// cell is a value as a table has it: numbers, bytes, and PostgreSQL's text for the rest.
func cell(oid uint32, text []byte) any {
	if text == nil {
		return nil
	}
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n
		}
		fallthrough
	case pgtype.Float4OID, pgtype.Float8OID:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil {
			return f
		}
	case pgtype.ByteaOID:
		if b, err := hex.DecodeString(strings.TrimPrefix(string(text), `\x`)); err == nil {
			return b
		}
	case pgtype.BoolOID:
		return strconv.FormatBool(string(text) == "t")
	}
	return string(text)
}

func (e *engine) RolledFrom() int64 { return e.rolled }

func (e *engine) Text(column string) string { return column + "::text" }

// Value goes into an interface where the value is in one. Texts are compared byte
// by byte.
func (e *engine) Value(index int, path []string) (text, number string) {
	plain := jsonAt(append([]string{strconv.Itoa(index)}, path...))
	dynamic := jsonAt(append([]string{strconv.Itoa(index), "$value"}, path...))
	from := fmt.Sprintf("FROM (SELECT CASE WHEN coalesce(json_typeof(%[1]s), 'null') <> 'null' THEN %[1]s ELSE %[2]s END AS v) AS j", dynamic, plain)
	text = "(SELECT CASE json_typeof(v) WHEN 'boolean' THEN CASE v::text WHEN 'true' THEN '1' ELSE '0' END WHEN 'null' THEN NULL ELSE v #>> '{}' END " + from + `) COLLATE "C"`
	number = "(SELECT CASE json_typeof(v) WHEN 'boolean' THEN CASE v::text WHEN 'true' THEN 1 ELSE 0 END WHEN 'number' THEN v::text::numeric END " + from + ")"
	return text, number
}

func jsonAt(path []string) string {
	quoted := make([]string, len(path))
	for i, key := range path {
		quoted[i] = "'" + strings.ReplaceAll(key, "'", "''") + "'"
	}
	return "(c.data #> ARRAY[" + strings.Join(quoted, ",") + "])"
}

// lows are the bounds of the histogram's buckets, as an array of PostgreSQL's.
var lows = func() string {
	var texts []string
	for _, n := range histogram.Lows() {
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	return "'{" + strings.Join(texts, ",") + "}'::bigint[]"
}()

func (e *engine) Bucket(column string) string { return "width_bucket(" + column + ", " + lows + ")" }

// Under goes from a call through its callers, if its trace has such a one at all:
// CASE asks for that first.
func (e *engine) Under(functions string) string {
	return `CASE WHEN EXISTS (SELECT FROM monitor_calls AS a WHERE a.run_id = c.run_id AND a.trace_id = c.trace_id AND ` + functions + `) THEN EXISTS (
		WITH RECURSIVE up (run_id, call_id) AS (
			SELECT c.run_id, c.parent_id WHERE c.parent_id <> 0
			UNION ALL SELECT a.run_id, a.parent_id FROM up JOIN monitor_calls AS a ON a.run_id = up.run_id AND a.call_id = up.call_id WHERE a.parent_id <> 0)
		SELECT FROM up JOIN monitor_calls AS a ON a.run_id = up.run_id AND a.call_id = up.call_id WHERE ` + functions + `) END`
}
