package monitorhttp

import (
	"net/http"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// The headers of W3C trace context.
const (
	traceparent = "Traceparent"
	tracestate  = "Tracestate"
)

// Handler returns a handler whose recorded calls are part of the trace that a
// request belongs to. If its sender has left that trace out, so has next, but for
// calls that fail; if not, all calls are kept, whatever samples say. A request
// without the header, or with one that is none, is as it was.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, joined := monitor.JoinRemote(r.Context(), r.Header.Get(traceparent), r.Header.Get(tracestate))
		defer joined.Leave()
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
	parent, state := monitor.RemoteHeaders(r.Context())
	if parent == "" || r.Header.Get(traceparent) != "" {
		return t.base.RoundTrip(r)
	}
	r = r.Clone(r.Context()) // a RoundTripper leaves the request as it is
	r.Header.Set(traceparent, parent)
	if state != "" {
		r.Header.Set(tracestate, state)
	}
	return t.base.RoundTrip(r)
}
