package sqlite

import (
	"modernc.org/sqlite/vtab"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

const (
	sourceModule = "monitor_batch_source"
	sourceTable  = "monitor_batch"
)

// source shows the calls of a batch to SQL as a table, so that one INSERT ...
// SELECT stores them all. That takes half the time of an INSERT per call: no
// statement is bound, stepped and reset a row.
type source struct {
	calls     []spool.Call
	functions map[*spool.Function]int64
	run       int64
	row       int
}

// set makes the source show the calls of a batch.
func (s *source) set(b *sink.Batch, functions map[*spool.Function]int64) {
	s.calls, s.functions, s.run, s.row = b.Calls, functions, int64(b.Run)<<schema.CallBits, 0
}

func (s *source) clear() { s.calls, s.functions = nil, nil }

// Create declares the columns of a calls table. Create and Connect make it a
// vtab.Module, the next three methods a vtab.Table, the rest a vtab.Cursor:
// there is one table and one scan at a time.
func (s *source) Create(ctx vtab.Context, _ []string) (vtab.Table, error) {
	return s, ctx.Declare(`CREATE TABLE batch (id INTEGER, function_id INTEGER, parent_id INTEGER, trace_id INTEGER,
		depth INTEGER, goroutine INTEGER, start_ns INTEGER, duration_ns INTEGER, status INTEGER, flags INTEGER,
		exception TEXT, data TEXT)`)
}

func (s *source) Connect(ctx vtab.Context, args []string) (vtab.Table, error) {
	return s.Create(ctx, args)
}

func (s *source) BestIndex(*vtab.IndexInfo) error { return nil }
func (s *source) Disconnect() error               { return nil }
func (s *source) Destroy() error                  { return nil }

func (s *source) Open() (vtab.Cursor, error) { return s, nil }

func (s *source) Filter(int, string, []vtab.Value) error { s.row = 0; return nil }
func (s *source) Next() error                            { s.row++; return nil }
func (s *source) Eof() bool                              { return s.row >= len(s.calls) }
func (s *source) Rowid() (int64, error)                  { return int64(s.row), nil }
func (s *source) Close() error                           { return nil }

func (s *source) Column(column int) (vtab.Value, error) {
	c := &s.calls[s.row]
	switch column {
	case 0:
		return s.run | int64(c.ID), nil
	case 1:
		return s.functions[c.Function], nil
	case 2:
		return int64(c.Parent), nil
	case 3:
		return int64(c.Trace), nil
	case 4:
		return int64(c.Depth), nil
	case 5:
		return int64(c.Goroutine), nil
	case 6:
		return c.Start, nil
	case 7:
		if c.Flags&wire.FlagSampled != 0 {
			return nil, nil // its sample left it out: it had no clock
		}
		return c.Duration, nil
	case 8:
		if c.Failed() {
			return int64(1), nil
		}
		return int64(0), nil
	case 9:
		return int64(c.Flags), nil
	case 10:
		return textOrNull(c.Exception), nil
	default:
		return textOrNull(c.Data), nil
	}
}

func textOrNull(s string) vtab.Value {
	if s == "" {
		return nil
	}
	return s
}
