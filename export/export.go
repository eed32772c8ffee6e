package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Source reads calls. *query.DB is one.
type Source interface {
	Calls(ctx context.Context, f query.Filter, p query.Page) ([]*query.Call, error)
	Bounds(ctx context.Context, f query.Filter) (first, last int64, err error)
	AllFunctions(ctx context.Context) ([]query.Function, error)
	Runs(ctx context.Context) ([]query.Run, error)
}

// Format is how calls are written.
type Format struct {
	Name        string
	ContentType string
	Extension   string // of a file's name
	About       string
	open        func(ctx context.Context, w *bufio.Writer, s Source, f query.Filter) (writer, error)
}

// Formats are all there are.
var Formats = []Format{
	{"jsonl", "application/x-ndjson", ".jsonl", "a call a line, as the API shows it", newLines},
	{"csv", "text/csv; charset=utf-8", ".csv", "the columns of process_trace", newTable},
	{"perfetto", "application/json", ".perfetto.json", "a trace for ui.perfetto.dev and chrome://tracing", newTimeline},
	{"pprof", "application/octet-stream", ".pb.gz", "a profile for go tool pprof: calls and their own time by stack", newProfile},
	{"otlp-json", "application/json", ".otlp.json", "spans of OpenTelemetry: an ExportTraceServiceRequest", newSpans},
}

// Find returns a format by its name.
func Find(name string) (Format, error) {
	var names []string
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("no format %q; there are %s", name, strings.Join(names, ", "))
}

// writer is a format at work.
type writer interface {
	call(*query.Call) error
	close() error // writes what comes behind the last call
}

// pageSize is how many calls are read at once. Between pages nothing of the
// database is held.
const pageSize = 1000

// Write writes the calls that the filter takes, oldest first, and returns how
// many. w gets them as they are read, but for a profile.
func Write(ctx context.Context, w io.Writer, format Format, s Source, f query.Filter) (n int64, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	to, err := format.open(ctx, out, s, f)
	if err != nil {
		return 0, err
	}
	page := query.Page{Order: query.OldestFirst, Limit: pageSize}
	for {
		calls, err := s.Calls(ctx, f, page)
		if err != nil {
			return n, err
		}
		for _, c := range calls {
			if err := to.call(c); err != nil {
				return n, err
			}
			n++
		}
		if len(calls) < pageSize {
			break
		}
		page.After = calls[len(calls)-1].ID
	}
	if err := to.close(); err != nil {
		return n, err
	}
	return n, out.Flush()
}

// Binary reports whether the format is no text.
func (f Format) Binary() bool { return f.ContentType == "application/octet-stream" }
