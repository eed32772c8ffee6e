package sqlite

import (
	"modernc.org/sqlite/vtab"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// newCallFeed has the columns of a calls table.
func newCallFeed() *feed {
	return &feed{name: "monitor_batch", columns: `id INTEGER, function_id INTEGER, parent_id INTEGER, trace_id INTEGER,
		depth INTEGER, goroutine INTEGER, start_ns INTEGER, duration_ns INTEGER, status INTEGER, flags INTEGER,
		exception TEXT, data TEXT`}
}

// showCalls has the feed show the calls of a batch.
func showCalls(f *feed, b *sink.Batch, functions map[*spool.Function]int64) {
	run := int64(b.Run) << schema.CallBits
	f.show(len(b.Calls), func(row, column int) vtab.Value {
		return callColumn(&b.Calls[row], run, functions, column)
	})
}

func callColumn(c *spool.Call, run int64, functions map[*spool.Function]int64, column int) vtab.Value {
	switch column {
	case 0:
		return run | int64(c.ID)
	case 1:
		return functions[c.Function]
	case 2:
		return int64(c.Parent)
	case 3:
		return int64(c.Trace)
	case 4:
		return int64(c.Depth)
	case 5:
		return int64(c.Goroutine)
	case 6:
		return c.Start
	case 7:
		if c.Flags&wire.FlagSampled != 0 {
			return nil // its sample left it out: it had no clock
		}
		return c.Duration
	case 8:
		if c.Failed() {
			return int64(1)
		}
		return int64(0)
	case 9:
		return int64(c.Flags)
	case 10:
		return textOrNull(c.Exception)
	default:
		return textOrNull(c.Data)
	}
}

func textOrNull(s string) vtab.Value {
	if s == "" {
		return nil
	}
	return s
}
