package monitorhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

// TestChain sends requests through a server that calls another one: the second
// hears of the trace of whoever called the first, and of what the sender decided.
func TestChain(t *testing.T) {
	if err := monitor.Start(monitor.Options{Spool: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	heard := make(chan http.Header, 1)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { heard <- r.Header }))
	defer back.Close()
	client := &http.Client{Transport: Transport(nil)}
	front := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := func() {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, back.URL, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if r.URL.Path == "/own" {
				req.Header.Set("Traceparent", "own")
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if got := req.Header.Get("Traceparent"); got != "" && got != "own" {
				t.Errorf("the request was changed: %s", got)
			}
		}
		if r.URL.Path == "/elsewhere" { // a goroutine that knows the context alone
			done := make(chan bool)
			go func() { call(); close(done) }()
			<-done
			return
		}
		call()
	})))
	defer front.Close()
	for _, tt := range []struct{ path, header, state, want, wantState string }{
		{"/", "00-" + trace + "-00f067aa0ba902b7-01", "a=1", "00-" + trace + "-00f067aa0ba902b7-01", "a=1"},
		{"/", "00-" + trace + "-00f067aa0ba902b7-00", "", "00-" + trace + "-00f067aa0ba902b7-00", ""},
		{"/elsewhere", "00-" + trace + "-00f067aa0ba902b7-01", "a=1", "00-" + trace + "-00f067aa0ba902b7-01", "a=1"},
		{"/own", "00-" + trace + "-00f067aa0ba902b7-01", "", "own", ""},
		{"/", "", "", "", ""},
		{"/", "nonsense", "a=1", "", ""},
	} {
		req, err := http.NewRequest(http.MethodGet, front.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.header != "" {
			req.Header.Set("traceparent", tt.header)
		}
		if tt.state != "" {
			req.Header.Set("tracestate", tt.state)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		got := <-heard
		if got.Get("Traceparent") != tt.want || got.Get("Tracestate") != tt.wantState {
			t.Errorf("%s %q: heard %q and %q, want %q and %q", tt.path, tt.header, got.Get("Traceparent"), got.Get("Tracestate"), tt.want, tt.wantState)
		}
	}
}

// While nothing is recorded nothing is sent along.
func TestOff(t *testing.T) {
	heard := make(chan string, 1)
	server := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard <- strings.Join(r.Header.Values("Traceparent"), " ")
	})))
	defer server.Close()
	resp, err := (&http.Client{Transport: Transport(http.DefaultTransport)}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := <-heard; got != "" {
		t.Errorf("heard %q", got)
	}
}
