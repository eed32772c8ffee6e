package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"

	"github.com/monitorgen/monitorgen"
	"github.com/monitorgen/monitorgen/rewrite"
)

const goCommandUsage = `usage: monitorgen %[1]s [monitorgen flags] [go %[1]s flags and arguments]

%[2]s

Monitorgen's flags, in front of the packages:
  -all              record every function of the main module, not only those with a directive
  -include regexp   record only functions whose full name, import/path.(*Type).Method, matches
  -exclude regexp   record no function whose full name matches
  -tests            record the functions of _test.go files, too; without it, those with a directive
  -generated        record the functions of generated files too
  -db file          the database (default monitor.db, or $MONITOR_DB)
  -serve            of run and test: the dashboard meanwhile, and afterwards until an interrupt

All other flags go to the go command. Neither source nor go.mod is touched, and
every line keeps its number.
`

var goCommandTexts = map[string]string{
	"run":     "Run is go run with every call of the recorded functions stored in the database.\n\n\tmonitorgen run .\n\tmonitorgen run -all ./cmd/server -port 8080",
	"test":    "Test is go test with every call of the recorded functions stored in the database.\n\n\tmonitorgen test -all ./...\n\tmonitorgen stats",
	"build":   "Build is go build with recording compiled in. The program records where\nMONITOR_SPOOL names a folder; monitorgen recover -spool FOLDER stores it.\n\n\tmonitorgen build -o server ./cmd/server\n\tMONITOR_SPOOL=/var/tmp/spool ./server",
	"install": "Install is go install with recording compiled in, see monitorgen help build.",
}

func runGoRun(ctx context.Context, e *env, args []string) int {
	return e.goCommand(ctx, "run", args, true)
}

func runGoTest(ctx context.Context, e *env, args []string) int {
	return e.goCommand(ctx, "test", args, true)
}

func runGoBuild(ctx context.Context, e *env, args []string) int {
	return e.goCommand(ctx, "build", args, false)
}

func runGoInstall(ctx context.Context, e *env, args []string) int {
	return e.goCommand(ctx, "install", args, false)
}

// goCommand runs the go command with an overlay in which the recorded
// functions record. If it runs user code, what that records is stored meanwhile.
func (e *env) goCommand(ctx context.Context, verb string, args []string, records bool) int {
	g, err := parseGoLine(verb, args)
	if err != nil {
		return e.failf("%v", err)
	}
	if g.help {
		fmt.Fprintf(e.stdout, goCommandUsage, verb, goCommandTexts[verb])
		return exitDone
	}
	if g.serve && !records {
		return e.failf("-serve: monitorgen %s runs nothing; see monitorgen serve", verb)
	}
	if g.overlay {
		return e.failf("-overlay: monitorgen %s makes an overlay of its own and cannot take another", verb)
	}
	goArgs, code := e.prepare(ctx, verb, g)
	if code != exitDone {
		return code
	}
	if !records || g.noRun {
		return e.execGo(ctx, goArgs, os.Environ())
	}
	return e.record(ctx, g, func(environ []string) int { return e.execGo(ctx, goArgs, environ) })
}

// fewCollections is the garbage collector's target while a build is planned: most
// plans are made before the first collection would be over.
const fewCollections = 400

// prepare makes the overlay and returns the go command's arguments.
func (e *env) prepare(ctx context.Context, verb string, g *goLine) ([]string, int) {
	sel, err := g.selection()
	if err != nil {
		return nil, e.failf("%v", err)
	}
	sel.Dir = g.dir(e.dir)
	sel.BuildFlags = g.load
	sel.Patterns = g.patterns
	sel.Closure = true
	sel.InTests = verb == "test"
	build, err := rewrite.FindBuild(ctx, sel.Dir, nil, g.load)
	if err != nil {
		return nil, e.failf("%v", err)
	}
	g.fromEnvironment(build)
	cache, err := cacheDir()
	if err != nil {
		return nil, e.failf("%v", err)
	}
	overlay := rewrite.NewOverlay(cache)
	if err := overlay.AddRuntime(build, monitorgen.RuntimeSource); err != nil {
		return nil, e.failf("%v", err)
	}
	percent := debug.SetGCPercent(fewCollections)
	plan, err := overlay.Record(ctx, sel, build)
	debug.SetGCPercent(percent)
	if err != nil {
		return nil, e.reportPlanError(err, false)
	}
	e.warnPlan(plan)
	if plan.Count() == 0 && len(plan.Broken) == 0 {
		fmt.Fprintln(e.stderr, "monitorgen: nothing to record: put //monitor:trace above a function, or pass -all")
	}
	if len(overlay.Companions) == 0 {
		overlay = rewrite.NewOverlay(cache) // go.mod stays out of it too
	}
	path, err := overlay.WriteJSON()
	if err != nil {
		return nil, e.failf("%v", err)
	}
	return g.goArgs(verb, path, overlay.ModFlag, addedFiles(g, overlay)), exitDone
}

// addedFiles returns the companions that must be named beside Go files on the
// command line.
func addedFiles(g *goLine, overlay *rewrite.Overlay) []string {
	var added []string
	if len(g.patterns) > 0 && isGoFile(g.patterns[0]) {
		for _, paths := range overlay.Companions {
			for _, p := range paths {
				if filepath.Dir(p) == filepath.Dir(absolute(g.patterns[0])) {
					added = append(added, filepath.Join(filepath.Dir(g.patterns[0]), filepath.Base(p)))
				}
			}
		}
	}
	sort.Strings(added)
	return added
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// cacheDir is where overlays are kept, by their content. It may be deleted at any time.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the overlay: %w (set XDG_CACHE_HOME or HOME)", err)
	}
	return filepath.Join(dir, "monitorgen"), nil
}

// execGo runs the go command and returns its exit code. Its output and input
// are the user's.
func (e *env) execGo(ctx context.Context, args, environ []string) int {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = e.dir, environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.stdin, e.stdout, e.stderr
	if err := cmd.Start(); err != nil {
		return e.failf("%v", err)
	}
	stepBack() // after Start: the go command keeps the priority it was given
	stop := forwardSignals(cmd.Process)
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	default:
		return e.failf("%v", err)
	}
}

// forwardSignals passes on what is meant for the go command. An interrupt
// from a terminal reaches it by itself, as it reaches us: we only wait.
func forwardSignals(p *os.Process) (stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = p.Signal(s) // it may be gone already
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// environWith returns the environment with the variables set, each only if
// the user has not set it, but for those marked with a leading "!".
func environWith(environ []string, pairs ...string) []string {
	out := append([]string(nil), environ...)
	for i := 0; i < len(pairs); i += 2 {
		name, force := strings.CutPrefix(pairs[i], "!")
		has := false
		for j, kv := range out {
			if strings.HasPrefix(kv, name+"=") {
				has = true
				if force {
					out[j] = name + "=" + pairs[i+1]
				}
			}
		}
		if !has {
			out = append(out, name+"="+pairs[i+1])
		}
	}
	return out
}
