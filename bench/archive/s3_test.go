package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/archive"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const bucket = "expired"

// server is an S3 server whose uploads can be made to fail, or to lose bytes.
type server struct {
	*httptest.Server
	failing atomic.Bool
	puts    atomic.Int64
}

func newServer(t *testing.T) *server {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(backend).Server()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			s.puts.Add(1)
			if s.failing.Load() {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDcanary")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
	return s
}

func (s *server) url(prefix string) string {
	return fmt.Sprintf("s3://%s/%s?endpoint=%s&region=us-east-1", bucket, prefix, s.URL)
}

// recorded makes a database with one run of some calls.
func recorded(t *testing.T, calls int) string {
	t.Helper()
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "m.db")
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	run, _, err := store.Run(ctx, &spool.Info{ID: strings.Repeat("7", 32), Start: 1_700_000_000_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	f := &spool.Function{Name: "Price", Package: "example.com/desk", Process: "desk.Price", Digest: sha256.Sum256([]byte("price"))}
	b := &sink.Batch{Run: run, Ended: true}
	for id := range uint64(calls) {
		b.Calls = append(b.Calls, spool.Call{Function: f, ID: id + 1, Trace: 1, Start: 1_700_000_000_000_000_000 + int64(id), Duration: 5, Data: `[1]`})
	}
	if err := errors.Join(store.Write(ctx, b), store.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBucket(t *testing.T) {
	ctx, s, path := context.Background(), newServer(t), recorded(t, 20_000)
	var log strings.Builder
	a, err := archive.Open(s.url("desk/a"), getenv, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := a.List(ctx); err != nil || len(entries) > 0 {
		t.Fatalf("%v, %v", entries, err)
	}

	s.failing.Store(true)
	if name, err := a.Keep(ctx, path, "calls_000001"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Fatalf("kept as %q, %v", name, err)
	}
	s.failing.Store(false)
	name, err := a.Keep(ctx, path, "calls_000001")
	if err != nil {
		t.Fatal(err)
	}
	puts := s.puts.Load()
	if again, err := a.Keep(ctx, path, "calls_000001"); err != nil || again != name || s.puts.Load() != puts {
		t.Errorf("kept again as %q with %d more uploads, %v", again, s.puts.Load()-puts, err)
	}
	entries, err := a.List(ctx)
	if err != nil || len(entries) != 1 || entries[0].Name != name {
		t.Fatalf("%+v, %v", entries, err)
	}

	into := filepath.Join(t.TempDir(), "restored.db")
	store, err := sqlite.Open(ctx, into)
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Restore(ctx, store, []string{name})
	if err := errors.Join(err, store.Close()); err != nil || done.Calls != 20_000 {
		t.Fatalf("%+v, %v", done, err)
	}
	db, err := query.Open(ctx, into)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	table, err := db.SQL(ctx, "SELECT count(*), count(DISTINCT call_id), min(process), sum(duration_ms) FROM process_trace", 1)
	if err != nil || fmt.Sprint(table.Rows) != "[[20000 20000 desk.Price 0.1]]" {
		t.Errorf("restored %v, %v", table, err)
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(a.String(), "canary") {
		t.Errorf("credentials are shown: %s\n%s", a, log.String())
	}
}

// Another prefix is another archive; a bucket that is not there is an error.
func TestPrefixAndBucket(t *testing.T) {
	ctx, s, path := context.Background(), newServer(t), recorded(t, 10)
	for _, prefix := range []string{"a", "b"} {
		a, err := archive.Open(s.url(prefix), getenv, nil)
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := a.List(ctx); err != nil || len(entries) > 0 {
			t.Errorf("%s: %v, %v", prefix, entries, err)
		}
		if _, err := a.Keep(ctx, path, "calls_000001"); err != nil {
			t.Error(err)
		}
	}
	a, err := archive.Open(strings.Replace(s.url("a"), bucket, "none", 1), getenv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Keep(ctx, path, "calls_000001"); err == nil {
		t.Error("kept in a bucket that is not there")
	}
}

func getenv(string) string { return "" }
