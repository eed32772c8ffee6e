// Package otlptrace makes OpenTelemetry spans of recorded calls.
//
// In: a call of a run, whoever read it. Out: messages of OTLP, with attributes by
// OpenTelemetry's semantic conventions. The ids of a span follow from the run's id
// and the call's: the same call is the same span whenever it is sent.
// May import: the standard library and OTLP's messages.
package otlptrace

import (
	"encoding/binary"
	"encoding/hex"
	"path"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Scope is the name of the instrumentation.
const Scope = "monitorgen"

// Run is a recorded process.
type Run struct {
	UUID      string // 32 hexadecimal digits
	Program   string // path of the executable
	Host      string
	PID       int64
	GoVersion string
	Module    string // "" when it is not known
}

// Call is a recorded call.
type Call struct {
	ID, Parent, Trace uint64 // Parent is 0 for none
	Start, Duration   int64  // nanoseconds; Start since 1970 UTC
	Process, Group    string
	Function          string // import/path.(*Type).Method, "" when it is not known
	File              string
	Line              int
	Goroutine         uint64
	Failed            bool
	Exception, Stack  string
	RemoteTrace       []byte // 16 bytes of a trace that began in another process, or nil
	RemoteParent      uint64 // the span there that is the call's parent, or 0
	Arguments         []Value
	Results           []Value
}

// Value is an argument or a result.
type Value struct{ Name, Text string }

// Resource describes the process of a run.
func (r *Run) Resource() *resourcepb.Resource {
	attributes := []*commonpb.KeyValue{
		text("service.name", path.Base(strings.ReplaceAll(r.Program, `\`, "/"))), text("service.instance.id", r.UUID),
		text("host.name", r.Host), whole("process.pid", r.PID), text("process.executable.path", r.Program),
		text("process.runtime.name", "go"), text("process.runtime.version", r.GoVersion),
	}
	if r.Module != "" {
		attributes = append(attributes, text("monitorgen.module", r.Module))
	}
	return &resourcepb.Resource{Attributes: attributes}
}

// Span makes the span of a call of the run. The first half of a trace id is of
// the run: traces of two runs stay apart.
func (r *Run) Span(c *Call) *tracepb.Span {
	start, end := uint64(c.Start), uint64(c.Start+c.Duration)
	s := &tracepb.Span{
		TraceId: r.traceID(c.Trace), SpanId: spanID(c.ID), Name: c.Process, Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: start, EndTimeUnixNano: end,
		Attributes: []*commonpb.KeyValue{text("monitorgen.group", c.Group), whole("monitorgen.call", int64(c.ID)), whole("thread.id", int64(c.Goroutine))},
	}
	if c.Parent != 0 {
		s.ParentSpanId = spanID(c.Parent)
	}
	if c.RemoteTrace != nil {
		s.TraceId = c.RemoteTrace
	}
	if c.RemoteParent != 0 {
		s.ParentSpanId = spanID(c.RemoteParent)
	}
	if c.Function != "" {
		s.Attributes = append(s.Attributes, text("code.function.name", c.Function))
	}
	if c.File != "" {
		s.Attributes = append(s.Attributes, text("code.file.path", c.File))
	}
	if c.Line > 0 {
		s.Attributes = append(s.Attributes, whole("code.line.number", int64(c.Line)))
	}
	for _, v := range c.Arguments {
		s.Attributes = append(s.Attributes, text("monitorgen.arg."+v.Name, v.Text))
	}
	for _, v := range c.Results {
		s.Attributes = append(s.Attributes, text("monitorgen.result."+v.Name, v.Text))
	}
	if c.Failed {
		message, kind, stack := c.exception()
		s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: message}
		event := &tracepb.Span_Event{TimeUnixNano: end, Name: "exception", Attributes: []*commonpb.KeyValue{text("exception.type", kind), text("exception.message", message)}}
		if stack != "" {
			event.Attributes = append(event.Attributes, text("exception.stacktrace", stack))
		}
		s.Events = []*tracepb.Span_Event{event}
	}
	return s
}

// exception splits what a panic left: its value, an empty line and the stack.
func (c *Call) exception() (message, kind, stack string) {
	if message, ok := strings.CutPrefix(c.Exception, "panic: "); ok {
		message, stack, _ = strings.Cut(message, "\n\n")
		return message, "panic", stack
	}
	return c.Exception, "error", c.Stack
}

func (r *Run) traceID(trace uint64) []byte {
	id := make([]byte, 16)
	if len(r.UUID) >= 16 {
		hex.Decode(id[:8], []byte(r.UUID[:16])) // what is no hexadecimal digit leaves zeros
	}
	binary.BigEndian.PutUint64(id[8:], trace)
	return id
}

func spanID(call uint64) []byte { return binary.BigEndian.AppendUint64(nil, call) }

func text(key, value string) *commonpb.KeyValue {
	// A protocol buffer takes nothing but UTF-8.
	value = strings.ToValidUTF8(value, "\uFFFD")
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func whole(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}
