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

// spans writes an ExportTraceServiceRequest of OTLP in its JSON form: ids are
// hexadecimal, times are text, enumerations are numbers. A resource is a run;
// calls come run by run.
type spans struct {
	w    *bufio.Writer
	runs map[int64]query.Run
	at   int64 // the run whose spans are being written
	any  bool  // one was written
}

type otlpAttribute struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

type otlpValue struct {
	Text  *string `json:"stringValue,omitempty"`
	Whole *string `json:"intValue,omitempty"` // 64 bits are text in JSON
}

type otlpEvent struct {
	Time       string          `json:"timeUnixNano"`
	Name       string          `json:"name"`
	Attributes []otlpAttribute `json:"attributes"`
}

type otlpStatus struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

type otlpSpan struct {
	Trace      string          `json:"traceId"`
	Span       string          `json:"spanId"`
	Parent     string          `json:"parentSpanId,omitempty"`
	Name       string          `json:"name"`
	Kind       int             `json:"kind"`
	Start      string          `json:"startTimeUnixNano"`
	End        string          `json:"endTimeUnixNano"`
	Attributes []otlpAttribute `json:"attributes"`
	Events     []otlpEvent     `json:"events,omitempty"`
	Status     otlpStatus      `json:"status"`
}

// Numbers of OTLP.
const (
	spanInternal = 1
	statusError  = 2
)

func textAttribute(key, value string) otlpAttribute {
	return otlpAttribute{key, otlpValue{Text: &value}}
}

func wholeAttribute(key string, value int64) otlpAttribute {
	text := strconv.FormatInt(value, 10)
	return otlpAttribute{key, otlpValue{Whole: &text}}
}

func newSpans(ctx context.Context, w *bufio.Writer, s Source, _ query.Filter) (writer, error) {
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	o := &spans{w: w, runs: map[int64]query.Run{}}
	for _, r := range runs {
		o.runs[r.ID] = r
	}
	_, err = w.WriteString(`{"resourceSpans":[`)
	return o, err
}

func (o *spans) call(c *query.Call) error {
	separator := ",\n"
	if !o.any || c.ID.Run != o.at {
		if err := o.resource(c.ID.Run); err != nil {
			return err
		}
		separator = "\n"
	}
	data, err := json.Marshal(o.span(c))
	if err != nil {
		return err
	}
	if _, err := o.w.WriteString(separator); err != nil {
		return err
	}
	_, err = o.w.Write(data)
	return err
}

// resource begins the spans of a run.
func (o *spans) resource(run int64) error {
	r := o.runs[run]
	attributes, err := json.Marshal([]otlpAttribute{
		textAttribute("service.name", path.Base(r.Program)), textAttribute("service.instance.id", r.UUID),
		textAttribute("host.name", r.Host), wholeAttribute("process.pid", r.PID),
		textAttribute("process.runtime.name", "go"), textAttribute("process.runtime.version", r.GoVersion)})
	if err != nil {
		return err
	}
	end := ""
	if o.any {
		end = "\n]}]},\n"
	}
	o.any, o.at = true, run
	_, err = fmt.Fprintf(o.w, `%s{"resource":{"attributes":%s},"scopeSpans":[{"scope":{"name":"monitorgen"},"spans":[`, end, attributes)
	return err
}

func (o *spans) span(c *query.Call) otlpSpan {
	start := c.Start.UnixNano()
	end := strconv.FormatInt(start+int64(c.Duration), 10)
	s := otlpSpan{
		// The run's own id keeps traces of two databases apart.
		Trace: fmt.Sprintf("%.16s%016x", o.runs[c.ID.Run].UUID+"0000000000000000", c.Trace), Span: spanID(c.ID.Call),
		Name: c.Process, Kind: spanInternal, Start: strconv.FormatInt(start, 10), End: end,
		Attributes: []otlpAttribute{textAttribute("code.function.name", c.Process), textAttribute("monitorgen.group", c.Group),
			textAttribute("monitorgen.call", c.ID.String()), wholeAttribute("thread.id", c.Goroutine)},
	}
	if c.Parent != 0 {
		s.Parent = spanID(c.Parent)
	}
	for _, v := range c.Arguments {
		s.Attributes = append(s.Attributes, textAttribute("monitorgen.arg."+v.Name, v.Text()))
	}
	for _, v := range c.Results {
		s.Attributes = append(s.Attributes, textAttribute("monitorgen.result."+v.Name, v.Text()))
	}
	if c.Failed {
		s.Status = otlpStatus{statusError, c.Exception}
		s.Events = []otlpEvent{{end, "exception", []otlpAttribute{textAttribute("exception.message", c.Exception)}}}
	}
	return s
}

func spanID(call int64) string { return fmt.Sprintf("%016x", call) }

func (o *spans) close() error {
	end := "]}\n"
	if o.any {
		end = "\n]}]}]}\n"
	}
	_, err := o.w.WriteString(end)
	return err
}
