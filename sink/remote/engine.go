package remote

import (
	"context"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Engine is a server. Its methods may be called by several goroutines at once.
type Engine interface {
	// Query runs a statement that reads, with arguments in place of its question
	// marks: integers, texts and lists of integers.
	Query(ctx context.Context, statement string, args ...any) (Rows, error)
	// Table runs a statement that a user wrote, so that it can change nothing.
	Table(ctx context.Context, statement string, limit int) (*query.Table, error)
	// Hide takes what is secret out of an error.
	Hide(err error) error
	// String is the address for people: without credentials.
	String() string
	Close() error

	Dialect
}

// Rows is what a statement returns. They are closed at their end, too.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close()
}

// Dialect is how an engine spells what the readers need. Columns are of
// monitor_calls, under the name c.
type Dialect interface {
	// Text is a column of JSON as text.
	Text(column string) string
	// Value is a part of the column data: of the value number index, what is at
	// the end of the path inside of it, also where the value is in an interface ("$value").
	// text is NULL for null and for what is not there; number is what text is where
	// the value is a number, or 1 and 0 for true and false, else NULL.
	Value(index int, path []string) (text, number string)
	// Bucket groups durations as package histogram does, whatever its numbers.
	Bucket(column string) string
	// RolledFrom is from when on monitor_rollups has all calls, in nanoseconds since
	// 1970; math.MaxInt64 where there is no such table.
	RolledFrom() int64
	// Under is the condition that a caller of the call, direct or not, is one of
	// a function that the text, a condition on a.function_id, takes.
	Under(functions string) string
}
