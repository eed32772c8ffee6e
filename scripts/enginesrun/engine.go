//go:build unix

package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/jackc/pgx/v5"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/monitorgen/monitorgen/internal/chserver"
	"github.com/monitorgen/monitorgen/internal/pgserver"
)

// postgres is a PostgreSQL server of this host.
type postgres struct{ *pgserver.Server }

func startPostgres(ctx context.Context, dir string) (engine, error) {
	server, err := pgserver.New(ctx, dir, "not a secret")
	if err != nil {
		return nil, err
	}
	return postgres{server}, nil
}

func (postgres) name() string { return "PostgreSQL" }

func (p postgres) count(ctx context.Context) (calls, failed, again int64, exact bool, err error) {
	conn, err := pgx.Connect(ctx, p.URL())
	if err != nil {
		return 0, 0, 0, true, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT count(DISTINCT (run_id, call_id)), count(DISTINCT (run_id, call_id)) FILTER (WHERE status = 'ERR'),
		count(*) - count(DISTINCT (run_id, call_id)) FROM process_trace`).Scan(&calls, &failed, &again)
	return calls, failed, again, true, err
}

// clickhouse is a ClickHouse engine of this host.
type clickhouse struct {
	*chserver.Server
	is string
}

func startClickHouse(ctx context.Context, dir string) (engine, error) {
	server, err := chserver.New(ctx, dir, "not a secret")
	if err != nil {
		return nil, err
	}
	return clickhouse{server, "ClickHouse"}, nil
}

// startEmbedded starts a current engine where npm has brought its library.
func startEmbedded(ctx context.Context, dir string) (engine, error) {
	server, err := chserver.NewEmbedded(ctx, dir)
	if err != nil {
		return nil, err
	}
	return clickhouse{server, "chdb"}, nil
}

func (c clickhouse) name() string { return c.is }

func (c clickhouse) count(ctx context.Context) (calls, failed, again int64, exact bool, err error) {
	text, err := c.Query(ctx, `SELECT uniqExact(run_id, call_id), uniqExactIf((run_id, call_id), status = 'ERR'), count() - uniqExact(run_id, call_id) FROM process_trace`)
	if err == nil {
		_, err = fmt.Sscan(text, &calls, &failed, &again)
	}
	return calls, failed, again, true, err
}

// receiver takes OTLP as a collector does, and keeps spans by their ids.
type receiver struct {
	address string
	server  *http.Server

	mu    sync.Mutex
	spans map[string]bool // failed, by trace and span id
	again int64
}

func startReceiver(ctx context.Context, _ string) (engine, error) {
	r := &receiver{address: "127.0.0.1:0", spans: map[string]bool{}}
	return r, r.Start(ctx)
}

func (*receiver) name() string                            { return "OTLP" }
func (*receiver) Version(context.Context) (string, error) { return "in process", nil }
func (r *receiver) URL() string                           { return "otlp+http://" + r.address }

// Kill drops all connections: requests that are being answered are not.
func (r *receiver) Kill() { r.server.Close() }

func (r *receiver) Start(context.Context) error {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r}
	go r.server.Serve(l) // until Kill
	return nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var data tracepb.TracesData
	zip, err := gzip.NewReader(q.Body)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(zip)
	}
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil {
		http.Error(w, "no request of OTLP", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, span := range data.ResourceSpans[0].ScopeSpans[0].Spans {
		id := string(span.TraceId) + string(span.SpanId)
		if _, had := r.spans[id]; had {
			r.again++
		}
		r.spans[id] = span.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR
	}
}

func (r *receiver) count(context.Context) (calls, failed, again int64, exact bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, bad := range r.spans {
		if bad {
			failed++
		}
	}
	return int64(len(r.spans)), failed, r.again, false, nil
}
