package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// begin is the start of the first call of deskCalls.
const begin = int64(1_700_000_000_000_000_000)

var (
	submit = &spool.Function{
		Name: "(*Desk).Submit", Package: "example.com/desk", File: "desk.go", Line: 12, Process: "desk.(*Desk).Submit", Group: "orders",
		Signature: "func (d *Desk) Submit(order Order) (fill int, err error)", Digest: sha256.Sum256([]byte("submit")), Options: "group=orders",
		Source: "// Submit trades.\n//\n//monitor:trace group=orders\nfunc (d *Desk) Submit(order Order) (fill int, err error) {\n\treturn 0, errors.New(\"</script>\")\n}",
		Data:   []manifest.Datum{{Name: "order", Type: "Order"}, {Name: "fill", Type: "int", Output: true}, {Name: "err", Type: "error", Output: true}},
	}
	price = &spool.Function{
		Name: "Price", Package: "example.com/desk", File: "price.go", Line: 7, Process: "desk.Price", Group: "pricing",
		Signature: "func Price(spot, strike float64) float64", Digest: sha256.Sum256([]byte("price")),
		Data: []manifest.Datum{{Name: "spot", Type: "float64"}, {Name: "strike", Type: "float64"}, {Name: "r0", Type: "float64", Output: true}},
	}
)

// deskCalls is a trace of four calls: Submit, which failed, called Price three
// times, of which the last panicked.
func deskCalls(start int64) []spool.Call {
	return []spool.Call{
		{Function: submit, ID: 1, Trace: 1, Goroutine: 1, Start: start, Duration: 1_200_000, Flags: wire.FlagError,
			Exception: "limit 7 breached", Data: `[{"id":7,"symbol":"<b>ACME</b>","key":"***","any":{"$type":"int","$value":3}},0,"limit 7 breached"]`},
		{Function: price, ID: 2, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: start + 1_000, Duration: 12_000, Data: `[100,95,4.2]`},
		{Function: price, ID: 3, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: start + 20_000, Duration: 340, Data: `[100,105,0.5]`},
		{Function: price, ID: 4, Parent: 1, Trace: 1, Depth: 1, Goroutine: 2, Start: start + 30_000, Duration: 45_600,
			Flags: wire.FlagError | wire.FlagPanic, Exception: "panic: no spot\n\ngoroutine 1 [running]:\n", Data: `[0,95]`},
	}
}

// fixture is a database that a test writes and a server reads.
type fixture struct {
	t      *testing.T
	path   string
	store  *sqlite.Store
	server *Server
}

// newFixture has a server over a database with one run, of deskCalls.
func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "monitor.db")}
	store, err := sqlite.Open(t.Context(), f.path)
	if err != nil {
		t.Fatal(err)
	}
	f.store = store
	t.Cleanup(func() { store.Close() })
	f.write(1, deskCalls(begin), true)
	db, err := query.Open(t.Context(), f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	o.Repository, o.Version = db, "test"
	f.server = New(o)
	t.Cleanup(f.server.Close)
	return f
}

// write stores calls of a run.
func (f *fixture) write(number int, calls []spool.Call, ended bool) {
	f.t.Helper()
	ctx := context.Background()
	run, _, err := f.store.Run(ctx, &spool.Info{ID: fmt.Sprintf("%032x", number), Start: begin, PID: 42, Host: "host", Program: "/bin/desk",
		Args: []string{"desk"}, Go: "go1.26", OS: "linux/amd64", Module: "example.com/desk", Session: fmt.Sprint("s", number)})
	if err == nil {
		err = f.store.Write(ctx, &sink.Batch{Run: run, Calls: calls, Ended: ended})
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// started makes a run known that has stored nothing.
func (f *fixture) started(number int, at int64) {
	f.t.Helper()
	if _, _, err := f.store.Run(context.Background(), &spool.Info{ID: fmt.Sprintf("%032x", number), Start: at, Program: "/bin/desk"}); err != nil {
		f.t.Fatal(err)
	}
}

// do sends a request to the server, as from the machine itself.
func (f *fixture) do(method, target, body string, change ...func(*http.Request)) (int, http.Header, string) {
	f.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:7788"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	f.server.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return w.Code, w.Result().Header, string(text)
}

// TestAnswers is a table of what is asked and what the answer holds.
func TestAnswers(t *testing.T) {
	f := newFixture(t, Options{})
	for _, c := range []struct {
		target string
		status int
		want   []string // in the answer, each
		not    []string
	}{
		{"/health", 200, []string{`"status":"ok"`, `"calls":4`, `"functions":2`}, nil},
		{"/calls", 200, []string{`"call":"1:4"`, `"total":4,"exact":true`, `"top":"1:4"`, `"start_ns":"1700000000000000000"`, `"next":null`}, []string{"goroutine 1 [running]"}},
		{"/calls?limit=2", 200, []string{`"call":"1:4"`, `"call":"1:3"`, `"next":"a0.1.3.340"`, `"prev":null`}, []string{`"call":"1:2"`}},
		{"/calls?limit=2&cursor=a0.1.3.340", 200, []string{`"call":"1:2"`, `"call":"1:1"`, `"rank":null`}, []string{`"call":"1:3"`}},
		{"/calls?limit=2&cursor=b0.1.2.0", 200, []string{`"rows":[{"call":"1:4"`, `"call":"1:3"`}, []string{`"call":"1:2"`}},
		{"/calls?limit=1&rank=2", 200, []string{`"call":"1:2"`, `"rank":2`}, []string{`"call":"1:3"`}},
		{"/calls?limit=1&rank=2&sort=start", 200, []string{`"call":"1:3"`}, nil},
		{"/calls?sort=-duration&limit=1", 200, []string{`"rows":[{"call":"1:1"`, `"next":"a2.1.1.1200000"`}, nil},
		{"/calls?sort=-duration&limit=1&cursor=a2.1.1.1200000", 200, []string{`"rows":[{"call":"1:4"`}, nil},
		{"/calls?pin=1:2", 200, []string{`"rows":[{"call":"1:2"`, `"total":2`}, nil},
		{"/calls?q=fn:none", 200, []string{`"rows":[]`, `"total":0`}, nil},
		{"/calls?q=fn:x:y&cursor=zz", 400, []string{`"status":400`}, nil},
		{"/calls?cursor=a2.1.1.5", 400, []string{`"parameter":"cursor"`}, nil},
		{"/calls?q=dur:5+apples", 400, []string{`"detail":"dur: want a duration such as 5ms, not \"5\""`, `"parameter":"q"`, `"position":4`}, nil},
		{"/calls?limit=1001", 400, []string{`"parameter":"limit"`}, nil},
		{"/calls?run=x", 400, []string{`"parameter":"run"`}, nil},
		{"/calls?from=yesterday", 400, []string{`"parameter":"from"`}, nil},
		{"/calls/1:1", 200, []string{`"children":3`, `"signature":"func (d *Desk) Submit`, `\u003cb\u003eACME`, `"value":{"id":7`}, []string{"<b>"}},
		{"/calls/1:4", 200, []string{`"panic":true`, `goroutine 1 [running]`}, nil},
		{"/calls/1:99", 404, []string{`"title":"Not Found"`, "no such call: 1:99"}, nil},
		{"/calls/x", 400, []string{`"parameter":"id"`}, nil},
		{"/calls/1:1/children?limit=2", 200, []string{`"call":"1:2"`, `"call":"1:3"`, `"next":"1:3"`, `"total":3`}, []string{`"call":"1:4"`}},
		{"/calls/1:1/children?limit=2&cursor=1:3", 200, []string{`"call":"1:4"`, `"next":null`}, nil},
		{"/values?limit=1&q=fn:Submit", 200, []string{`"data":"order","data_type":"INPUT"`, `"data":"err","data_type":"OUTPUT","data_value":"limit 7 breached"`}, nil},
		{"/explain?q=err+dur:%3E5ms", 200, []string{`status = 1`, `duration_ns`, `5000000`, `"terms":[{"text":"err","start":0,"end":3}`}, []string{"5ms'"}},
		{"/traces/1:3/tree", 200, []string{`"root":"1:1"`, `"total":4`, `"errors":2`, `"children":3,"shown":3`, `"self_ns":1187660`}, nil},
		{"/traces/1:1/tree?limit=2&focus=1:4", 200, []string{`"call":"1:4"`, `"shown":1`}, []string{`"call":"1:2"`}},
		{"/traces/1:1/flame?px=10", 200, []string{`"depth":2`, `"n":3`, `"errors":1`}, nil},
		{"/traces/1:1/flame?by=goroutine", 200, []string{`"lanes":[{"goroutine":1,"depth":2},{"goroutine":2,"depth":1}]`}, nil},
		{"/traces/1:1/flame?x0=20&x1=10", 400, []string{`"parameter":"x1"`}, nil},
		{"/traces/9:9/tree", 404, nil, nil},
		{"/funcs", 200, []string{`"process":"desk.Price"`, `"calls":3,"errors":1`, `"total":2`}, nil},
		{"/funcs?sort=name", 200, []string{`"rows":[{"id":1,"process":"desk.(*Desk).Submit"`}, nil},
		{"/funcs/2", 200, []string{`"callers":[{"id":1,"process":"desk.(*Desk).Submit"`, `"callees":[]`, `"failed":[{"call":"1:4"`, `"slowest":[{"call":"1:4"`, `"max_ns":45600`}, nil},
		{"/funcs/77", 404, []string{"no such function: 77"}, nil},
		{"/funcs/1/source", 200, []string{`"directive":"//monitor:trace group=orders"`, `{"line":12,"tokens":[{"k":"keyword","t":"func"}`, `{"k":"name","t":"Submit"}`, `"line":9`}, []string{"</script>"}},
		{"/funcs/1/source?version=2", 400, []string{`"parameter":"version"`}, nil},
		{"/funcs/..%2f..%2f..%2fetc%2fpasswd/source", 400, []string{`"parameter":"id"`}, []string{"root:"}},
		{"/errors", 200, []string{`"text":"limit 7 breached","normalised":"limit # breached","count":1`, `"text":"no spot"`, `"complete":true`}, nil},
		{"/errors/none", 404, nil, nil},
		{"/overview", 200, []string{`"totals":{"calls":4,"errors":2`, `"groups":[{"group":"orders"`, `"state":null`}, nil},
		{"/timeline", 200, []string{`"calls":4,"errors":2`}, nil},
		{"/heatmap", 200, []string{`"errors":[[0,2]]`, `"max":1`, `"from_ns":"1700000000000000000","to_ns":"1700000001000000000"`}, nil},
		{"/heatmap?step=0", 400, []string{`"parameter":"step"`}, nil},
		{"/metrics", 200, []string{`"processes":[]`, `"lane":"normal"`}, nil},
		{"/graph", 200, []string{`"from":"1","to":"2","calls":3,"errors":1`, `"from":"","to":"1","calls":1`}, nil},
		{"/graph?by=group", 200, []string{`"from":"orders","to":"pricing","calls":3`}, nil},
		{"/graph?by=planet", 400, []string{`"parameter":"by"`}, nil},
		{"/graph?focus=2&hops=0", 200, []string{`"nodes":[{"id":"2"`}, []string{`"id":"1"`}},
		{"/compare?a=run:1&b=run:2", 200, []string{`"state":"gone"`, `"b":null`}, nil},
		{"/compare?a=run:1", 400, []string{`"parameter":"b"`}, nil},
		{"/runs", 200, []string{`"run":1`, `"living":false`, `"calls":4,"errors":2`}, nil},
		{"/nothing", 404, []string{`"status":404`}, nil},
	} {
		t.Run(c.target, func(t *testing.T) {
			status, header, text := f.do("GET", "/api/v1"+c.target, "")
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, text)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %s in %s", want, text)
				}
			}
			for _, not := range c.not {
				if strings.Contains(text, not) {
					t.Errorf("%s in %s", not, text)
				}
			}
			if !json.Valid([]byte(text)) || header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(header.Get("Content-Type"), "json") {
				t.Errorf("not JSON that is only that: %v: %s", header, text)
			}
		})
	}
}
