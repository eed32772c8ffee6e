//go:build unix

package otlp

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// receiver is what a collector is to a sender.
type receiver struct {
	mu      sync.Mutex
	spans   []*tracepb.Span
	headers http.Header
	service string
	answer  func(w http.ResponseWriter, spans int) bool // whether it is answered
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = q.Header
	var data tracepb.TracesData
	zip, err := gzip.NewReader(q.Body)
	if err == nil {
		var body []byte
		if body, err = io.ReadAll(zip); err == nil {
			err = proto.Unmarshal(body, &data)
		}
	}
	if err != nil || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" || len(data.ResourceSpans) != 1 {
		http.Error(w, fmt.Sprint("no request of OTLP: ", err), http.StatusBadRequest)
		return
	}
	spans := data.ResourceSpans[0].ScopeSpans[0].Spans
	if r.answer != nil && r.answer(w, len(spans)) {
		return
	}
	r.service = data.ResourceSpans[0].Resource.Attributes[0].Value.GetStringValue()
	r.spans = append(r.spans, spans...)
}

// open starts a receiver and returns a Store that sends to it.
func open(t *testing.T, r *receiver, o Options) *Store {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	a, err := sink.ParseAddress("otlp+" + strings.Replace(server.URL, "://", "://me:canary-word@", 1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// leave writes the spool of a process that called Price, and in it Fail.
func leave(t *testing.T, calls ...[]byte) string {
	t.Helper()
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, calls...)
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(2, 1).Record())
	w.Die()
	return folder
}

// drain stores what is in a spool, once.
func drain(t *testing.T, folder string, s sink.Store) error {
	t.Helper()
	_, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: s}).Once(t.Context())
	return err
}

func TestSpans(t *testing.T) {
	r := &receiver{}
	s := open(t, r, Options{Getenv: func(string) string { return "x-api-key=a%20key, x-tenant=desk" }})
	if err := drain(t, leave(t, spooltest.Price(1).Record()), s); err != nil {
		t.Fatal(err)
	}
	if len(r.spans) != 2 || r.service != "desk" {
		t.Fatalf("%d spans of %q", len(r.spans), r.service)
	}
	failed, root := r.spans[0], r.spans[1] // the failed one comes first
	if string(failed.ParentSpanId) != string(root.SpanId) || hex.EncodeToString(root.SpanId) != "0000000000000001" {
		t.Errorf("span %x is not the parent of %v", root.SpanId, failed)
	}
	if failed.Status.Code != tracepb.Status_STATUS_CODE_ERROR || len(failed.Events) != 1 || failed.Events[0].Name != "exception" {
		t.Errorf("the failed call is %v", failed)
	}
	attributes := map[string]string{}
	for _, a := range root.Attributes {
		attributes[a.Key] = a.Value.GetStringValue()
	}
	if attributes["code.function.name"] != "example.com/desk.Price" || attributes["monitorgen.arg.qty"] == "" {
		t.Errorf("attributes %v", attributes)
	}
	if got := r.headers; got.Get("X-Api-Key") != "a key" || got.Get("X-Tenant") != "desk" || !strings.HasPrefix(got.Get("Authorization"), "Basic ") {
		t.Errorf("headers %v", got)
	}
}

// What comes again after a failure are the same spans.
// A call of another process's trace has its id; one without a parent here hangs
// under the span there.
func TestRemote(t *testing.T) {
	r := &receiver{}
	outer, inner := spooltest.Price(1), spooltest.Price(3)
	outer.Flags, inner.Flags, inner.Parent, inner.Depth = wire.FlagRemote, wire.FlagRemote, 1, 1
	outer.Remote, inner.Remote = "0123456789abcdefSPANSPAN", "0123456789abcdef\x00\x00\x00\x00\x00\x00\x00\x00"
	if err := drain(t, leave(t, outer.Record(), inner.Record()), open(t, r, Options{})); err != nil {
		t.Fatal(err)
	}
	parents := map[string]string{}
	for _, s := range r.spans {
		if string(s.TraceId) == "0123456789abcdef" {
			parents[hex.EncodeToString(s.SpanId)] = string(s.ParentSpanId)
		}
	}
	if want := map[string]string{"0000000000000001": "SPANSPAN", "0000000000000003": "\x00\x00\x00\x00\x00\x00\x00\x01"}; !maps.Equal(parents, want) {
		t.Errorf("parents %q, want %q", parents, want)
	}
	// One that says so and has no room for it is damaged.
	short := spooltest.Price(1)
	short.Flags, short.Remote = wire.FlagRemote, "0123456789abcdef"
	r.spans = nil
	if err := drain(t, leave(t, short.Record()), open(t, r, Options{})); err != nil {
		t.Fatal(err)
	}
	if len(r.spans) != 1 {
		t.Errorf("%d spans, want that of the call that failed", len(r.spans))
	}
}

func TestReplay(t *testing.T) {
	const calls = 2*maxSpans + 10
	var records [][]byte
	for id := range uint64(calls) {
		records = append(records, spooltest.Price(id+3).Record())
	}
	refused := false
	r := &receiver{answer: func(w http.ResponseWriter, spans int) bool {
		if refused || spans == maxSpans {
			return false
		}
		refused = true
		http.Error(w, "busy, canary-word", http.StatusServiceUnavailable)
		return true
	}}
	s := open(t, r, Options{})
	folder := leave(t, records...)
	if err := drain(t, folder, s); err == nil || !strings.Contains(err.Error(), "503") || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v, want 503 and no credentials", err)
	}
	if err := drain(t, folder, s); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, span := range r.spans {
		found[string(span.TraceId)+string(span.SpanId)]++
	}
	if len(found) != calls+1 || len(r.spans) <= calls+1 {
		t.Errorf("%d spans, %d of them different; want %d, and some twice", len(r.spans), len(found), calls+1)
	}
}

func TestTooLarge(t *testing.T) {
	r := &receiver{answer: func(w http.ResponseWriter, spans int) bool {
		if spans > 1 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return spans > 1
	}}
	if err := drain(t, leave(t, spooltest.Price(1).Record(), spooltest.Price(3).Record()), open(t, r, Options{})); err != nil || len(r.spans) != 3 {
		t.Errorf("%d spans, want 3 one by one: %v", len(r.spans), err)
	}
}

// Spans that a receiver rejects are named, and not sent again.
func TestPartialSuccess(t *testing.T) {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "too old")
	r := &receiver{answer: func(w http.ResponseWriter, _ int) bool {
		w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
		return true
	}}
	var log strings.Builder
	if err := drain(t, leave(t, spooltest.Price(1).Record()), open(t, r, Options{Log: &log})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "rejected 2 spans: too old") || strings.Contains(log.String(), "canary") {
		t.Errorf("said %q", log.String())
	}
}

func TestRetryAfter(t *testing.T) {
	asked := 0
	r := &receiver{answer: func(w http.ResponseWriter, _ int) bool {
		asked++
		w.Header().Set("Retry-After", "100")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}}
	s, folder := open(t, r, Options{}), leave(t, spooltest.Price(1).Record())
	for range 2 {
		if err := drain(t, folder, s); err == nil {
			t.Fatal("a batch that nobody took was stored")
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times within what the receiver wants to wait", asked)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"otlp+http://collector:4318", "use otlp+https://"},
		{"otlp+https:///v1/traces", "the host is missing"},
		{"otlp+https://collector:4318?key=canary-word", "no parameters"},
		{"otlp+https://collector:4318", ""},
		{"otlp+http://[::1]:4318", ""},
	} {
		s, err := sink.OpenStore(c.url)
		switch {
		case c.want == "" && err == nil:
			s.Close()
		case c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
	}
	a, _ := sink.ParseAddress("otlp+https://collector:4318")
	if _, err := Open(a, Options{Getenv: func(string) string { return "canary-word" }}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("headers that are none: %v", err)
	}
}

func TestUnknownRun(t *testing.T) {
	s := open(t, &receiver{}, Options{})
	if err := s.Write(t.Context(), &sink.Batch{Run: 7, Calls: []spool.Call{{}}}); err == nil {
		t.Error("a batch of an unknown run was taken")
	}
}
