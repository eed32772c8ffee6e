package monitorotel

import (
	"context"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// TestBridge goes from a span to what is recorded under it, and from there to a
// span again: all three are one trace.
func TestBridge(t *testing.T) {
	if err := monitor.Start(monitor.Options{Spool: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	for name, sampler := range map[string]sdk.Sampler{"sampled": sdk.AlwaysSample(), "left out": sdk.ParentBased(sdk.NeverSample())} {
		t.Run(name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans), sdk.WithSampler(sampler))
			tracer := provider.Tracer("test")
			ctx, span := tracer.Start(context.Background(), "outer")
			defer span.End()

			joined := Join(ctx)
			origin := monitor.Here()
			id, parent, ok := origin.Remote()
			if outer := span.SpanContext(); !ok || trace.TraceID(id) != outer.TraceID() || trace.SpanID(parent) != outer.SpanID() || origin.Sampled() != outer.IsSampled() {
				t.Errorf("joined %x %x %v, want %v", id, parent, origin.Sampled(), outer)
			}
			Annotate(ctx)
			_, inner := tracer.Start(Context(context.Background()), "inner")
			inner.End()
			joined.Leave()

			if inner := inner.SpanContext(); inner.TraceID() != span.SpanContext().TraceID() || inner.IsSampled() != span.SpanContext().IsSampled() {
				t.Errorf("the inner span is %v, the outer %v", inner, span.SpanContext())
			}
			if ended := spans.Ended(); name == "sampled" && (len(ended) != 1 || ended[0].Parent().SpanID() != span.SpanContext().SpanID()) {
				t.Errorf("ended: %v", ended)
			}
			if open, ok := span.(sdk.ReadOnlySpan); ok && name == "sampled" {
				if attributes := open.Attributes(); len(attributes) != 1 || attributes[0].Value.AsString() != origin.Traceparent() {
					t.Errorf("attributes: %v", attributes)
				}
			}
		})
	}
	if _, _, ok := monitor.Here().Remote(); ok {
		t.Error("the goroutine is part of a trace still")
	}
	if got := Context(context.Background()); got != context.Background() {
		t.Error("outside of calls a context has a span")
	}
	Join(context.Background()).Leave()
}
