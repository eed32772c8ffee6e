package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// timeline writes the JSON of the Trace Event Format, which Perfetto reads: a
// complete event ("X") for each call on the track of its goroutine, a process
// for each run. Times are microseconds since the first call: since 1970 they
// would not fit a double to the nanosecond. Calls of one goroutine enclose each
// other or lie apart, as the format demands of the events of a thread.
type timeline struct {
	w      *bufio.Writer
	begin  int64 // nanoseconds since 1970
	runs   map[int64]query.Run
	named  map[[2]int64]bool // processes and threads that have a name
	events int
}

// event is one of the Trace Event Format.
type event struct {
	Name      string          `json:"name"`
	Category  string          `json:"cat,omitempty"`
	Phase     string          `json:"ph"`
	Start     json.RawMessage `json:"ts,omitempty"`
	Duration  json.RawMessage `json:"dur,omitempty"`
	Process   int64           `json:"pid"`
	Thread    int64           `json:"tid"`
	Arguments map[string]any  `json:"args,omitempty"`
}

func newTimeline(ctx context.Context, w *bufio.Writer, s Source, f query.Filter) (writer, error) {
	t := &timeline{w: w, runs: map[int64]query.Run{}, named: map[[2]int64]bool{}}
	var err error
	if t.begin, _, err = s.Bounds(ctx, f); err != nil {
		return nil, err
	}
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		t.runs[r.ID] = r
	}
	_, err = fmt.Fprintf(w, `{"displayTimeUnit":"ns","otherData":{"begin_ns":%q},"traceEvents":[`, strconv.FormatInt(t.begin, 10))
	return t, err
}

func (t *timeline) call(c *query.Call) error {
	if err := t.name(c.ID.Run, c.Goroutine); err != nil {
		return err
	}
	e := event{Name: c.Process, Category: c.Group, Phase: "X", Process: c.ID.Run, Thread: c.Goroutine,
		Start: microseconds(c.Start.UnixNano() - t.begin), Duration: microseconds(int64(c.Duration)),
		Arguments: map[string]any{"call": c.ID.String(), "status": statusText(c.Failed)}}
	if c.Exception != "" {
		e.Arguments["exception"] = c.Exception
	}
	for _, v := range c.Arguments {
		e.Arguments["arg."+v.Name] = v.Text()
	}
	for _, v := range c.Results {
		e.Arguments["result."+v.Name] = v.Text()
	}
	return t.write(e)
}

// name says once what a process and a thread are called.
func (t *timeline) name(run, goroutine int64) error {
	if !t.named[[2]int64{run, -1}] {
		t.named[[2]int64{run, -1}] = true
		r := t.runs[run]
		text := fmt.Sprintf("run %d: %s (pid %d)", run, path.Base(r.Program), r.PID)
		if err := t.write(event{Name: "process_name", Phase: "M", Process: run, Arguments: map[string]any{"name": text}}); err != nil {
			return err
		}
	}
	if t.named[[2]int64{run, goroutine}] {
		return nil
	}
	t.named[[2]int64{run, goroutine}] = true
	return t.write(event{Name: "thread_name", Phase: "M", Process: run, Thread: goroutine, Arguments: map[string]any{"name": fmt.Sprintf("goroutine %d", goroutine)}})
}

func (t *timeline) write(e event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	separator := ",\n"
	if t.events == 0 {
		separator = "\n"
	}
	t.events++
	if _, err := t.w.WriteString(separator); err != nil {
		return err
	}
	_, err = t.w.Write(data)
	return err
}

func (t *timeline) close() error {
	_, err := t.w.WriteString("\n]}\n")
	return err
}

// microseconds writes nanoseconds as microseconds, exactly.
func microseconds(ns int64) json.RawMessage {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	return fmt.Appendf(nil, "%s%d.%03d", sign, ns/1000, ns%1000)
}
