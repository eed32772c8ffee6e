//go:build unix

// Enginesrun sends recorded calls to real engines, kills these in the middle of a
// batch and starts them again, and counts what they have afterwards.
//
// In: a subcommand and flags. Out: a line for each engine; exit code 1 when a
// record is missing, or twice where the engine can tell.
// May import: the standard library, and of this module sink and the stores.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/monitorgen/monitorgen/internal/chserver"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	_ "github.com/monitorgen/monitorgen/sink/clickhouse"
	_ "github.com/monitorgen/monitorgen/sink/otlp"
	_ "github.com/monitorgen/monitorgen/sink/postgres"
)

func main() {
	flags := flag.NewFlagSet("scripts/engines test", flag.ExitOnError)
	short := flags.Bool("short", false, "the form for scripts/test: 20,000 calls, engines down for 2 seconds, without chdb")
	calls := flags.Int("calls", 300_000, "calls that are recorded, for each engine")
	down := flags.Duration("down", time.Minute, "for how long an engine is down")
	only := flags.String("only", "", "the engine to test, as the table names it; all if not named")
	subcommand := ""
	if len(os.Args) > 1 {
		subcommand = os.Args[1]
	}
	if subcommand != "test" && subcommand != "otel" {
		fmt.Fprintln(os.Stderr, "usage: scripts/engines test|otel [flags]")
		flags.PrintDefaults()
		os.Exit(2)
	}
	flags.Parse(os.Args[2:])
	if *short {
		*calls, *down = 20_000, 2*time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var code int
	var err error
	if subcommand == "otel" {
		code, err = testOTel(ctx, *calls, *down)
	} else {
		code, err = test(ctx, *calls, *down, *short, *only)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "engines: %v\n", err)
		code = 2
	}
	os.Exit(code)
}

// test sends calls to every engine that this host has.
func test(ctx context.Context, calls int, down time.Duration, short bool, only string) (code int, err error) {
	work, err := os.MkdirTemp("", "monitorgen-engines-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o711); err != nil { // an engine runs as another user
		return 0, err
	}
	victim, err := buildVictim(ctx, work)
	if err != nil {
		return 0, err
	}
	printHeader()
	if !short {
		if err := chserver.Install(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	tested := 0
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, victim, dir string, calls int, down time.Duration) (bool, error)
	}{
		{"OTLP", testing(startReceiver)}, {"PostgreSQL", testing(startPostgres)}, {"ClickHouse", testing(startClickHouse)}, {"chdb", testing(startEmbedded)}, {"S3", testBucket},
	} {
		if only != "" && only != test.name || short && test.name == "chdb" {
			continue
		}
		dir, err := os.MkdirTemp(work, "engine-")
		if err != nil {
			return 0, err
		}
		good, err := test.run(ctx, victim, dir, calls, down)
		if errors.Is(err, pgserver.ErrNone) || errors.Is(err, chserver.ErrNone) || errors.Is(err, errNone) {
			fmt.Printf("%-12s skipped: %v\n", test.name, err)
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", test.name, err)
		}
		tested++
		if !good {
			code = 1
		}
	}
	if tested == 0 {
		return 0, errors.New("no engine was tested: none is here, or none of those asked for has that name")
	}
	return code, nil
}

// buildVictim builds the program whose calls are sent.
func buildVictim(ctx context.Context, dir string) (string, error) {
	victim := filepath.Join(dir, "victim")
	if err := execute(ctx, "go", "run", "./cmd/monitorgen", "build", "-o", victim, "./scripts/enginesrun/victim"); err != nil {
		return "", fmt.Errorf("build the victim: %w", err)
	}
	return victim, nil
}

// errNone says that this host has not an engine.
var errNone = errors.New("not here")

// testing returns what tests an engine that start starts.
func testing(start func(context.Context, string) (engine, error)) func(ctx context.Context, victim, dir string, calls int, down time.Duration) (bool, error) {
	return func(ctx context.Context, victim, dir string, calls int, down time.Duration) (bool, error) {
		e, err := start(ctx, dir)
		if err != nil {
			return false, err
		}
		defer e.Kill()
		t := trial{engine: e, victim: victim, dir: dir, calls: calls, down: down}
		return t.run(ctx)
	}
}

// record has the victim leave calls in a spool.
func record(ctx context.Context, victim, spool string, calls int) error {
	cmd := exec.CommandContext(ctx, victim, strconv.Itoa(calls))
	cmd.Env = append(os.Environ(), "MONITOR=on", "MONITOR_SPOOL="+spool, "MONITOR_SPOOL_MAX=1GiB", "MONITOR_SAMPLE=", "MONITOR_STORE=")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func execute(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// quiet takes what the drainers say of failures that are wanted.
var quiet = slog.New(slog.DiscardHandler)
