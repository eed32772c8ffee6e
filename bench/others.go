package main

import (
	"context"
	"io"
	"log/slog"
	"runtime/trace"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/monitorgen/monitorgen/bench/overlay"
)

// discard is an exporter that spans end at.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// others make the same call with the same values, as people write it by hand.
func others() (all []*measured, stop func()) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}))
	tracer := provider.Tracer("bench")
	zero := zerolog.New(io.Discard).With().Timestamp().Logger()
	structured := slog.New(slog.NewJSONHandler(io.Discard, nil))
	ctx := context.Background()

	span := func(qty int, symbol string, price float64) (result float64, err error) {
		_, span := tracer.Start(ctx, "Price")
		defer span.End()
		span.SetAttributes(attribute.Int("qty", qty), attribute.String("symbol", symbol), attribute.Float64("price", price))
		if result, err = overlay.Bare(qty, symbol, price); err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.SetAttributes(attribute.Float64("result", result))
		return result, err
	}
	line := func(qty int, symbol string, price float64) (float64, error) {
		result, err := overlay.Bare(qty, symbol, price)
		zero.Info().Int("qty", qty).Str("symbol", symbol).Float64("price", price).Float64("result", result).Err(err).Msg("Price")
		return result, err
	}
	slogged := func(qty int, symbol string, price float64) (float64, error) {
		result, err := overlay.Bare(qty, symbol, price)
		structured.LogAttrs(ctx, slog.LevelInfo, "Price", slog.Int("qty", qty), slog.String("symbol", symbol),
			slog.Float64("price", price), slog.Float64("result", result), slog.Any("error", err))
		return result, err
	}
	region := func(qty int, symbol string, price float64) (float64, error) {
		defer trace.StartRegion(ctx, "Price").End()
		result, err := overlay.Bare(qty, symbol, price)
		trace.Logf(ctx, "Price", "%d %s %g %g %v", qty, symbol, price, result, err)
		return result, err
	}
	all = []*measured{
		{name: "OpenTelemetry", note: "a span of the SDK, batched, exported to nowhere", loop: func(n int) { calls(n, span) }},
		{name: "zerolog", note: "a line to io.Discard", loop: func(n int) { calls(n, line) }},
		{name: "slog", note: "a JSON line to io.Discard", loop: func(n int) { calls(n, slogged) }},
	}
	tracing := func() func() {
		if err := trace.Start(io.Discard); err != nil {
			return func() {} // somebody traces already
		}
		return trace.Stop
	}
	all = append(all, &measured{name: "runtime/trace", note: "a region with a log", loop: func(n int) { calls(n, region) }, with: tracing})
	return all, func() { provider.Shutdown(ctx) }
}
