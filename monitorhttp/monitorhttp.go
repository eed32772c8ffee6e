package monitorhttp

import (
	"context"
	"net/http"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// The headers of W3C trace context.
const (
	traceparent = "Traceparent"
	tracestate  = "Tracestate"
)

type stateKey struct{}

// Handler returns a handler whose recorded calls are part of the trace that a
// request belongs to. If its sender has left that trace out, so has next, but for
// calls that fail; if not, all calls are kept, whatever samples say. A request
// without the header, or with one that is none, is as it was.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, ok := monitor.FromTraceparent(r.Header.Get(traceparent))
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		defer origin.Join().Leave()
		ctx := monitor.NewContext(r.Context())
		if state := r.Header.Get(tracestate); state != "" {
			ctx = context.WithValue(ctx, stateKey{}, state)
		}
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// Transport returns a transport that tells servers which call they are called by:
// the innermost open one of the goroutine that sends the request, or what Handler
// or monitor.NewContext put into its context. A request that has the header keeps
// it. base is http.DefaultTransport if it is nil.
func Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return transport{base}
}

type transport struct{ base http.RoundTripper }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	header := monitor.Here().Traceparent()
	if header == "" {
		header = monitor.FromContext(r.Context()).Traceparent()
	}
	if header == "" || r.Header.Get(traceparent) != "" {
		return t.base.RoundTrip(r)
	}
	r = r.Clone(r.Context()) // a RoundTripper leaves the request as it is
	r.Header.Set(traceparent, header)
	if state, ok := r.Context().Value(stateKey{}).(string); ok {
		r.Header.Set(tracestate, state)
	}
	return t.base.RoundTrip(r)
}
