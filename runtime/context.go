package runtime

import "context"

// Go runs f on a goroutine of its own; what f calls is part of the recorded call
// that Go was called in, which may have ended meanwhile. The go statements of recorded
// functions do that by themselves: Go is for those of others, and for helpers that start
// goroutines for their callers.
//
// Outside of any recorded call, and while nothing is recorded, it is go f().
// Else it costs an allocation of some 100 bytes and shows as one frame more
// below f. A panic of f ends the program as one in any goroutine does.
func Go(f func()) {
	o := Here()
	if o == (Origin{}) {
		go f()
		return
	}
	go func() {
		if o.Adopt() {
			defer Disown()
		}
		f()
	}()
}

// originKey is the key of an Origin in a context.
type originKey struct{}

// NewContext returns a context that remembers the recorded call in which it is
// called, for code that runs somewhere else on behalf of that call: see
// FromContext. Outside of any recorded call, and while nothing is recorded, it
// returns ctx. Else it costs an allocation, as context.WithValue does.
func NewContext(ctx context.Context) context.Context {
	o := Here()
	if o == (Origin{}) {
		return ctx
	}
	return context.WithValue(ctx, originKey{}, o)
}

// FromContext returns the recorded call that NewContext has put into ctx, or the
// zero Origin, with which Join does nothing. A worker takes the jobs of others so:
//
//	for job := range jobs {
//		func() {
//			defer monitor.FromContext(job.ctx).Join().Leave()
//			job.run()
//		}()
//	}
//
// What is called until Leave is part of that call, unless the goroutine has a
// recorded call open itself: then of that one. It costs what ctx.Value costs, and
// some nanoseconds.
func FromContext(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// stateKey is the key of a tracestate in a context.
type stateKey struct{}

// JoinRemote begins the part that this process has in a trace of another one, by
// the headers traceparent and tracestate of what it was sent: what is called until
// Leave is part of that trace, and what the context is given to knows of it (FromContext,
// RemoteHeaders). Where traceparent is none, it does nothing. It is for middlewares, such as
// monitorhttp; see FromTraceparent.
func JoinRemote(ctx context.Context, traceparent, tracestate string) (context.Context, Joined) {
	origin, ok := FromTraceparent(traceparent)
	if !ok {
		return ctx, Joined{}
	}
	joined := origin.Join()
	ctx = NewContext(ctx)
	if old, _ := ctx.Value(stateKey{}).(string); old != tracestate { // which may be that of another trace
		ctx = context.WithValue(ctx, stateKey{}, tracestate)
	}
	return ctx, joined
}

// RemoteHeaders returns the headers that tell another process by which call it is
// called: by the innermost open one of the goroutine, or else what is in ctx. tracestate is
// what came with the trace, by whatever protocol. Both are "" where there is nothing to tell.
func RemoteHeaders(ctx context.Context) (traceparent, tracestate string) {
	traceparent = Here().Traceparent()
	if traceparent == "" {
		traceparent = FromContext(ctx).Traceparent()
	}
	if traceparent != "" {
		tracestate, _ = ctx.Value(stateKey{}).(string)
	}
	return traceparent, tracestate
}
