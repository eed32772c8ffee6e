// Package monitorotel is the bridge between recorded calls and spans that a program
// makes with OpenTelemetry. It is a module of its own, and the only one that imports
// OpenTelemetry's API.
//
//	defer monitorotel.Join(ctx).Leave()  // recorded calls hang under ctx's span
//	ctx = monitorotel.Context(ctx)       // spans hang under the innermost recorded call
//
// In: contexts. Out: origins of calls, contexts with a span. May import:
// OpenTelemetry's API and package runtime.
package monitorotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// Join makes what the goroutine calls, until Leave, part of the trace of the span in
// ctx: calls hang under that span, and are kept or left out as it is sampled. It does
// nothing where there is no span, or a recorded call is open on the goroutine.
func Join(ctx context.Context) monitor.Joined {
	span := trace.SpanContextFromContext(ctx)
	origin, ok := monitor.FromRemote(span.TraceID(), span.SpanID(), span.IsSampled())
	if !ok {
		return monitor.Joined{}
	}
	return origin.Join()
}

// Context returns a context in which the innermost recorded call stands as a remote
// span: spans that are started from it hang under that call, in its trace. Outside of
// recorded calls it returns ctx.
func Context(ctx context.Context) context.Context {
	origin := monitor.Here()
	traceID, spanID, ok := origin.Remote()
	if !ok {
		return ctx
	}
	flags := trace.TraceFlags(0).WithSampled(origin.Sampled())
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: flags, Remote: true})
	return trace.ContextWithRemoteSpanContext(ctx, span)
}

// CallKey is the attribute that Annotate sets.
const CallKey = attribute.Key("monitorgen.call")

// Annotate notes on the span in ctx which recorded call is open, by the traceparent
// of that call: what is recorded can be found from the span.
func Annotate(ctx context.Context) {
	if header := monitor.Here().Traceparent(); header != "" {
		trace.SpanFromContext(ctx).SetAttributes(CallKey.String(header))
	}
}
