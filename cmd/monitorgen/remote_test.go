//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// secret is a password that nothing may say.
const secret = "canary/word"

// startPostgres starts a server with a trace of three calls in it, and skips the test
// where there is none.
func startPostgres(t *testing.T) (url string, store sink.Store) {
	t.Helper()
	dir, err := os.MkdirTemp("", "monitorgen-pg-") // t.TempDir is for us alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := pgserver.New(t.Context(), dir, secret)
	if errors.Is(err, pgserver.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	if store, err = sink.OpenStore(server.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	begin := time.Now().Add(-time.Minute).UnixNano()
	storeCalls(t, store, spool.Call{Function: submitted, ID: 1, Trace: 1, Start: begin, Duration: 5_000_000, Data: `["o-1",null]`},
		spool.Call{Function: submitted, ID: 2, Parent: 1, Trace: 1, Depth: 1, Start: begin + 1000, Duration: 2_000_000, Data: `["o-2","limit breach"]`,
			Flags: wire.FlagError, Exception: "limit breach"},
		spool.Call{Function: submitted, ID: 3, Parent: 2, Trace: 1, Depth: 2, Start: begin + 2000, Duration: 1_000_000, Data: `["o-3",null]`})
	return server.URL(), store
}

var submitted = &spool.Function{Name: "Submit", Package: "example.com/desk", Process: "desk.Submit", Group: "desk", Digest: [32]byte{1},
	Data: []manifest.Datum{{Name: "id", Type: "string"}, {Name: "err", Type: "error", Output: true}}}

func storeCalls(t *testing.T, store sink.Store, calls ...spool.Call) {
	t.Helper()
	run, _, err := store.Run(t.Context(), &spool.Info{ID: fmt.Sprintf("%032x", 1), Start: calls[0].Start, Program: "/bin/desk"})
	if err == nil {
		err = store.Write(t.Context(), &sink.Batch{Run: run, Calls: calls})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The dashboard reads PostgreSQL: what it shows is what was stored, also from now on.
func TestServePostgres(t *testing.T) {
	url, store := startPostgres(t)
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var problems bytes.Buffer
	e := &env{stdout: in, stderr: &problems, getenv: func(string) string { return "" }, dir: t.TempDir()}
	code := make(chan int, 1)
	go func() { code <- runServe(ctx, e, []string{"-addr", "127.0.0.1:0", url}) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	said, page, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if err != nil || !ok || !strings.HasPrefix(said, "monitorgen: postgres://127.0.0.1:") || strings.Contains(said, "canary") {
		t.Fatalf("it says %q (%v)", line, err)
	}
	for path, want := range map[string]string{
		"calls?q=status:err":   `"exception":"limit breach"`,
		"calls?q=arg.id=o-3":   `"call":"1:3","parent":"1:2"`,
		"calls/1:2":            `"children":1`,
		"calls/1:1/children":   `"call":"1:2"`,
		"traces/1:3/tree":      `"root":"1:1"`,
		"traces/1:3/flame":     `"depth":3`,
		"funcs":                `"calls":3,"errors":1`,
		"errors":               `"normalised":"limit breach"`,
		"graph":                `"calls":2`,
		"graph?from=10m":       `"calls":2`,
		"overview?from=10m":    `"calls":3`,
		"timeline":             `"errors":1`,
		"heatmap":              `"max":1`,
		"metrics":              `"lane":"normal"`,
		"runs":                 `"program":"/bin/desk"`,
		"health":               `"control":false`,
		"explain?q=dur:>1ms":   `c.duration_ns \u003e ?`,
		"export?format=csv":    "desk.Submit,ERR",
		"values?q=arg.id=o-3":  `"data_value":"o-3"`,
		"open":                 `"available":false`,
		"compare?a=err&b=fn:S": `"desk.Submit"`,
	} {
		if body := get(t, page+"api/v1/"+path); !strings.Contains(body, want) || strings.Contains(body, "canary") {
			t.Errorf("%s: no %s in %s", path, want, body)
		}
	}
	live, err := http.Get(page + "api/v1/tail?q=arg.id=o-5")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	storeCalls(t, store, spool.Call{Function: submitted, ID: 4, Trace: 4, Start: 1, Data: `["o-4",null]`}, spool.Call{Function: submitted, ID: 5, Trace: 5, Start: 2, Data: `["o-5",null]`})
	var call struct{ Call string }
	if err := json.NewDecoder(live.Body).Decode(&call); err != nil || call.Call != "1:5" {
		t.Errorf("what is stored from now on is %+v (%v)", call, err)
	}
	stop()
	if got := <-code; got != exitDone || problems.Len() > 0 {
		t.Errorf("it ends with %d: %s", got, problems.String())
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status + " " + string(body)
}

// The commands read PostgreSQL too, and say of it no password.
func TestCommandsReadPostgres(t *testing.T) {
	url, _ := startPostgres(t)
	for _, c := range []struct {
		line string
		code int
		want []string
	}{
		{"stats -exact URL", exitDone, []string{"3       1    8ms", "desk.Submit"}},
		{"stats -json URL", exitDone, []string{`"calls": 3`, `"p50_ns": 2000000`, `"exact": true`}},
		{"errors URL", exitDone, []string{"limit breach", "call 1:2", `id = o-2`}},
		{"tree URL", exitDone, []string{`desk.Submit(id=o-1)`, `└─ desk.Submit(id=o-2)`, `   └─ desk.Submit(id=o-3)`}},
		{"tree -call 1:9 URL", exitFailure, []string{"no such call: 1:9"}},
		{"tail -f=false -q arg.id=o-3 URL", exitDone, []string{"o-3"}},
		{"top -window 0 URL", exitDone, []string{"1 function, 3 calls, 1 error", "desk.Submit"}},
		{"export -format csv URL", exitDone, []string{"desk.Submit,OK"}},
		{"sql URL SELECT_count(*)_FROM_process§trace", exitDone, []string{"3"}},
		{"sql URL DROP_VIEW_process§trace", exitFailure, []string{"DROP is not run"}},
		{"compare err URL -db URL", exitDone, []string{"desk.Submit"}},
		{"stats URL URL", exitFailure, []string{"stats takes one database"}},
		{"retention URL", exitFailure, []string{"retention is for a SQLite file", "is on a server"}},
		{"control URL", exitFailure, []string{"control is for a SQLite file"}},
		{"archive -to x URL run", exitFailure, []string{"archive is for a SQLite file"}},
		{"recover URL", exitFailure, []string{"recover is for a SQLite file"}},
		{"open URL", exitFailure, []string{"open is for a SQLite file"}},
		{"agent -once -db URL", exitFailure, []string{"agent: -db is a file"}},
		{"agent -once URL", exitFailure, []string{"agent takes flags alone"}},
		{"stats redis://me:canary@localhost/x", exitFailure, []string{"redis://localhost/x cannot be read"}},
		{"stats postgres://me:canary@db.example/x?sslmode=disable", exitFailure, []string{"would send what is recorded as it is"}},
		{"stats postgres://monitor:canary@127.0.0.1:1/x", exitFailure, []string{"connection refused"}},
	} {
		var said bytes.Buffer
		e := &env{stdout: &said, stderr: &said, getenv: func(string) string { return "" }, dir: t.TempDir()}
		words := strings.Fields(strings.ReplaceAll(c.line, "URL", url))
		for i := range words { // _ is a blank within a word
			words[i] = strings.ReplaceAll(strings.ReplaceAll(words[i], "_", " "), "§", "_")
		}
		code := dispatch(t.Context(), e, words)
		for _, want := range c.want {
			if code != c.code || !strings.Contains(said.String(), want) || strings.Contains(said.String(), "canary") {
				t.Errorf("%s: ends with %d, and no %q in\n%s", c.line, code, want, said.String())
			}
		}
	}
}
