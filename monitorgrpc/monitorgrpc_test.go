package monitorgrpc

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// service calls another service with the context it is called with.
type service struct {
	*health.Server
	next  grpc_health_v1.HealthClient
	heard chan metadata.MD
}

func (s *service) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if s.next != nil {
		return s.next.Check(ctx, r)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	s.heard <- md
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func (s *service) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc_health_v1.Health_WatchServer) error {
	if s.next != nil {
		client, err := s.next.Watch(stream.Context(), r)
		if err == nil {
			_, err = client.Recv()
		}
		if err != nil {
			return err
		}
	} else {
		md, _ := metadata.FromIncomingContext(stream.Context())
		s.heard <- md
	}
	return stream.Send(&grpc_health_v1.HealthCheckResponse{})
}

func serve(t *testing.T, s *service) grpc_health_v1.HealthClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(UnaryServer), grpc.ChainStreamInterceptor(StreamServer))
	grpc_health_v1.RegisterHealthServer(server, s)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(UnaryClient), grpc.WithChainStreamInterceptor(StreamClient))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return grpc_health_v1.NewHealthClient(conn)
}

// TestChain calls a service that calls another one: the second hears of the trace
// of whoever called the first.
func TestChain(t *testing.T) {
	if err := monitor.Start(monitor.Options{Spool: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	heard := make(chan metadata.MD, 1)
	back := serve(t, &service{Server: health.NewServer(), heard: heard})
	front := serve(t, &service{Server: health.NewServer(), next: back})
	request := &grpc_health_v1.HealthCheckRequest{}
	for _, tt := range []struct {
		name, header, want string
		states             int
	}{{"sampled", parent, parent, 1}, {"left out", parent[:len(parent)-1] + "0", parent[:len(parent)-1] + "0", 1}, {"none", "", "", 0}, {"nonsense", "x", "", 0}} {
		for kind, call := range map[string]func(context.Context) error{
			"unary": func(ctx context.Context) error { _, err := front.Check(ctx, request); return err },
			"stream": func(ctx context.Context) error {
				stream, err := front.Watch(ctx, request)
				if err == nil {
					_, err = stream.Recv()
				}
				return err
			},
		} {
			ctx := context.Background()
			if tt.header != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, traceparent, tt.header, tracestate, "a=1")
			}
			if err := call(ctx); err != nil {
				t.Fatal(err)
			}
			md := <-heard
			got := ""
			if values := md.Get(traceparent); len(values) > 0 {
				got = values[0]
			}
			if got != tt.want || len(md.Get(tracestate)) != tt.states {
				t.Errorf("%s, %s: heard %q and %q", kind, tt.name, got, md.Get(tracestate))
			}
		}
	}
}
