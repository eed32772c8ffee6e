package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

var update = flag.Bool("update", false, "rewrite the golden text of scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"monitorgen": main})
}

func TestScripts(t *testing.T) {
	goEnv := goVariables(t, "GOCACHE", "GOMODCACHE", "GOPATH")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	// Scripts work without a network, in workspaces with this module: those
	// look at modules that its own build does not.
	download := exec.Command("go", "mod", "download")
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, goEnv...)
			env.Vars = append(env.Vars,
				"MONITORGEN_ROOT="+root, "GOPROXY=off", "GOTOOLCHAIN=local", "TZ=UTC",
				"HOME="+filepath.Join(env.WorkDir, ".home"),
				"XDG_CACHE_HOME="+filepath.Join(env.WorkDir, ".home", "cache"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"mkdb": makeDatabase, "killafter": killAfter, "takeover": takeover, "bytesin": bytesIn, "private": private, "archivetable": archiveTable, "frames": sameFrames, "crashes": crashes},
	})
}

// goVariables returns NAME=value for variables of the go command: scripts
// share its caches and nothing else.
func goVariables(t *testing.T, names ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	values := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(values) != len(names) {
		t.Fatalf("go env %s: %q", names, out)
	}
	for i, name := range names {
		values[i] = name + "=" + values[i]
	}
	return values
}

// makeDatabase is the command "mkdb FILE [N]": it adds to FILE run N, 1 if not
// given, of session sN: a trace of four calls of package desk, one of which
// failed and one of which panicked. Run 0 is one that has not ended and whose
// root call is not stored.
func makeDatabase(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: mkdb FILE [N]")
	}
	number := 1
	if len(args) == 2 {
		var err error
		number, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	ctx := context.Background()
	store, err := sqlite.Open(ctx, ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { ts.Check(store.Close()) }()
	start := int64(1_700_000_000_000_000_000) + int64(number)*1_000_000_000
	run, _, err := store.Run(ctx, &spool.Info{
		ID: fmt.Sprintf("%032x", number), Start: start, PID: 42, Host: "host", Program: "/bin/desk", Args: []string{"desk"},
		Go: "go1.26", OS: "linux/amd64", Module: "example.com/desk", Session: "s" + strconv.Itoa(number),
	})
	ts.Check(err)
	calls := deskCalls(start)
	if number == 0 {
		calls = calls[1:]
	}
	ts.Check(store.Write(ctx, &sink.Batch{Run: run, Calls: calls, Ended: number != 0}))
}

// deskCalls returns the calls of makeDatabase.
func deskCalls(start int64) []spool.Call {
	submit := &spool.Function{
		Name: "(*Desk).Submit", Package: "example.com/desk", File: "desk.go", Line: 12, Process: "desk.(*Desk).Submit", Group: "orders",
		Signature: "func (d *Desk) Submit(order Order) (fill int, err error)", Digest: sha256.Sum256([]byte("submit")),
		Data: []manifest.Datum{{Name: "order", Type: "Order"}, {Name: "fill", Type: "int", Output: true}, {Name: "err", Type: "error", Output: true}},
	}
	price := &spool.Function{
		Name: "Price", Package: "example.com/desk", File: "price.go", Line: 7, Process: "desk.Price", Group: "example.com/desk",
		Signature: "func Price(spot, strike float64) float64", Digest: sha256.Sum256([]byte("price")),
		Data: []manifest.Datum{{Name: "spot", Type: "float64"}, {Name: "strike", Type: "float64"}, {Name: "r0", Type: "float64", Output: true}},
	}
	const stack = "goroutine 1 [running]:\nexample.com/desk.Price(0x0, 0x0)\n\tprice.go:9 +0x64\n"
	return []spool.Call{
		{Function: submit, ID: 1, Trace: 1, Goroutine: 1, Start: start, Duration: 1_200_000, Flags: wire.FlagError,
			Exception: "limit breach", Data: `[{"id":7,"symbol":"ACME","legs":["call","put"],"note":"two\nlines"},0,"limit breach"]`},
		{Function: price, ID: 2, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: start + 1_000, Duration: 12_000, Data: `[100,95,4.2]`},
		{Function: price, ID: 3, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: start + 20_000, Duration: 340, Data: `[100,105,0.5]`},
		{Function: price, ID: 4, Parent: 1, Trace: 1, Depth: 1, Goroutine: 1, Start: start + 30_000, Duration: 45_600,
			Flags: wire.FlagError | wire.FlagPanic, Exception: "panic: no\tspot\n\n" + stack, Data: `[0,95]`},
	}
}
