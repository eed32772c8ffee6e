// Package monitorgrpc keeps a trace whole across processes that call each other by
// gRPC, as package monitorhttp does for HTTP:
//
//	grpc.NewServer(grpc.ChainUnaryInterceptor(monitorgrpc.UnaryServer), grpc.ChainStreamInterceptor(monitorgrpc.StreamServer))
//	grpc.NewClient(target, grpc.WithChainUnaryInterceptor(monitorgrpc.UnaryClient), grpc.WithChainStreamInterceptor(monitorgrpc.StreamClient))
//
// It is a module of its own: who does not use gRPC has none in go.mod.
//
// In: calls of gRPC. Out: metadata traceparent, and recorded calls that are part of
// the trace of who called. May import: gRPC and package runtime.
package monitorgrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// join makes what the goroutine calls part of the trace that the metadata name.
func join(ctx context.Context) (context.Context, monitor.Joined) {
	return monitor.JoinRemote(ctx, first(ctx, traceparent), first(ctx, tracestate))
}

func first(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// send adds to the metadata by which call the server is called.
func send(ctx context.Context) context.Context {
	parent, state := monitor.RemoteHeaders(ctx)
	if sent, _ := metadata.FromOutgoingContext(ctx); parent == "" || len(sent.Get(traceparent)) > 0 {
		return ctx
	}
	ctx = metadata.AppendToOutgoingContext(ctx, traceparent, parent)
	if state != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, tracestate, state)
	}
	return ctx
}

// UnaryServer is an interceptor of servers.
func UnaryServer(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, joined := join(ctx)
	defer joined.Leave()
	return handler(ctx, req)
}

// StreamServer is an interceptor of servers.
func StreamServer(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, joined := join(stream.Context())
	defer joined.Leave()
	return handler(srv, &serverStream{stream, ctx})
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *serverStream) Context() context.Context { return s.ctx }

// UnaryClient is an interceptor of clients.
func UnaryClient(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoker(send(ctx), method, req, reply, cc, opts...)
}

// StreamClient is an interceptor of clients.
func StreamClient(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return streamer(send(ctx), desc, cc, method, opts...)
}
