// Package monitorhttp keeps a trace whole across processes that call each other
// by HTTP (W3C trace context, https://www.w3.org/TR/trace-context/):
//
//	http.ListenAndServe(addr, monitorhttp.Handler(mux))
//	client := &http.Client{Transport: monitorhttp.Transport(nil)}
//
// In: requests. Out: headers traceparent and tracestate, and calls that are part of
// the trace of who sent the request.
// May import: the standard library and package runtime.
package monitorhttp
