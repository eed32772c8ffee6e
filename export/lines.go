package export

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"strconv"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// lines writes a call a line.
type lines struct{ *json.Encoder }

func newLines(_ context.Context, w *bufio.Writer, _ Source, _ query.Filter) (writer, error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return lines{e}, nil
}

func (l lines) call(c *query.Call) error { return l.Encode(NewCall(c, true)) }
func (l lines) close() error             { return nil }

// table writes the columns of process_trace.
type table struct{ *csv.Writer }

func newTable(_ context.Context, w *bufio.Writer, _ Source, _ query.Filter) (writer, error) {
	t := table{csv.NewWriter(w)}
	return t, t.Write([]string{"ts", "process", "status", "duration_ms", "exception", "process_group", "call_id", "parent_id", "trace_id", "depth", "goroutine", "run_id"})
}

func (t table) call(c *query.Call) error {
	duration, parent := "", ""
	if !c.Untimed {
		duration = strconv.FormatFloat(float64(c.Duration)/1e6, 'f', -1, 64)
	}
	if c.Parent != 0 {
		parent = strconv.FormatInt(c.Parent, 10)
	}
	return t.Write([]string{c.Start.Format("2006-01-02 15:04:05.000000"), c.Process, statusText(c.Failed), duration, c.Exception, c.Group,
		strconv.FormatInt(c.ID.Call, 10), parent, strconv.FormatInt(c.Trace, 10), strconv.FormatInt(c.Depth, 10),
		strconv.FormatInt(c.Goroutine, 10), strconv.FormatInt(c.ID.Run, 10)})
}

func (t table) close() error {
	t.Flush()
	return t.Error()
}
