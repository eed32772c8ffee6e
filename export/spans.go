package export

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/monitorgen/monitorgen/internal/otlptrace"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// spans writes an ExportTraceServiceRequest of OTLP in its JSON form: ids are
// hexadecimal, times are text, enumerations are numbers. A resource is a run;
// calls come run by run.
type spans struct {
	w         *bufio.Writer
	runs      map[int64]*otlptrace.Run
	functions map[int64]query.Function
	at        int64 // the run whose spans are being written
	any       bool  // one was written
}

// otlpAttribute, otlpEvent, otlpStatus and otlpSpan are OTLP's messages in JSON,
// which is not that of protocol buffers: ids are hexadecimal.
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

func newSpans(ctx context.Context, w *bufio.Writer, s Source, _ query.Filter) (writer, error) {
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	functions, err := s.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	o := &spans{w: w, runs: map[int64]*otlptrace.Run{}, functions: map[int64]query.Function{}}
	for _, r := range runs {
		o.runs[r.ID] = &otlptrace.Run{UUID: r.UUID, Program: r.Program, Host: r.Host, PID: r.PID, GoVersion: r.GoVersion, Module: r.Module}
	}
	for _, f := range functions {
		o.functions[f.ID] = f
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
	data, err := json.Marshal(newSpan(o.runs[c.ID.Run].Span(o.traced(c))))
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
	if o.runs[run] == nil {
		o.runs[run] = &otlptrace.Run{} // it began after the runs were read
	}
	attributes, err := json.Marshal(newAttributes(o.runs[run].Resource().Attributes))
	if err != nil {
		return err
	}
	end := ""
	if o.any {
		end = "\n]}]},\n"
	}
	o.any, o.at = true, run
	_, err = fmt.Fprintf(o.w, `%s{"resource":{"attributes":%s},"scopeSpans":[{"scope":{"name":"%s"},"spans":[`, end, attributes, otlptrace.Scope)
	return err
}

// traced makes the form of a call that spans are made of.
func (o *spans) traced(c *query.Call) *otlptrace.Call {
	out := &otlptrace.Call{
		ID: uint64(c.ID.Call), Parent: uint64(c.Parent), Trace: uint64(c.Trace), Start: c.Start.UnixNano(), Duration: int64(c.Duration),
		Process: c.Process, Group: c.Group, Goroutine: uint64(c.Goroutine), Failed: c.Failed, Exception: c.Exception, Stack: c.Stack,
	}
	if f, ok := o.functions[c.Function]; ok {
		out.Function, out.File, out.Line = f.Package+"."+f.Name, f.File, int(f.Line)
	}
	for _, v := range c.Arguments {
		out.Arguments = append(out.Arguments, otlptrace.Value{Name: v.Name, Text: v.Text()})
	}
	for _, v := range c.Results {
		out.Results = append(out.Results, otlptrace.Value{Name: v.Name, Text: v.Text()})
	}
	return out
}

// newSpan makes the JSON form of a span.
func newSpan(s *tracepb.Span) otlpSpan {
	out := otlpSpan{
		Trace: hex.EncodeToString(s.TraceId), Span: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Kind: int(s.Kind), Start: strconv.FormatUint(s.StartTimeUnixNano, 10), End: strconv.FormatUint(s.EndTimeUnixNano, 10),
		Attributes: newAttributes(s.Attributes), Status: otlpStatus{int(s.GetStatus().GetCode()), s.GetStatus().GetMessage()},
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, otlpEvent{strconv.FormatUint(e.TimeUnixNano, 10), e.Name, newAttributes(e.Attributes)})
	}
	return out
}

func newAttributes(attributes []*commonpb.KeyValue) []otlpAttribute {
	all := make([]otlpAttribute, len(attributes))
	for i, a := range attributes {
		all[i].Key = a.Key
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			all[i].Value.Text = &v.StringValue
		case *commonpb.AnyValue_IntValue:
			text := strconv.FormatInt(v.IntValue, 10)
			all[i].Value.Whole = &text
		}
	}
	return all
}

func (o *spans) close() error {
	end := "]}\n"
	if o.any {
		end = "\n]}]}]}\n"
	}
	_, err := o.w.WriteString(end)
	return err
}
