//go:build unix

// Faultsrun runs a recorded program while the database or its disk fails, one
// fault after the other, and checks what is stored when the fault is over: the
// program has not noticed, every failed call is there once, every other call is
// there once or counted as dropped, and nobody had to help.
//
// In: flags. Out: a line for each fault; exit code 1 when one did harm.
// May import: the standard library, modernc.org/sqlite, sink, sink/sqlite.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// errNotHere says that this machine cannot do something; the text says what.
var errNotHere = errors.New("not here")

func main() {
	short := flag.Bool("short", false, "leave out what takes long")
	only := flag.String("run", "", "only faults whose name contains this `text`")
	keep := flag.String("keep", "", "work in this `folder`, and leave there what failed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *short, *only, *keep)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, only, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "monitorgen-faults-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	b, err := build(ctx, dir)
	if err != nil {
		return err
	}
	failed := 0
	for i, f := range faults {
		if !strings.Contains(f.name, only) || short && f.long {
			continue
		}
		t := &trial{binaries: b, ctx: ctx, dir: filepath.Join(dir, fmt.Sprintf("%02d", i)), short: short}
		began := time.Now()
		err := t.run(f)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNotHere):
			fmt.Printf("%-44s skipped: %v\n", f.name, err)
		case err != nil:
			failed++
			fmt.Printf("%-44s FAILED: %v\n", f.name, err)
			continue
		default:
			fmt.Printf("%-44s ok %6.1fs  %s\n", f.name, time.Since(began).Seconds(), t.found)
		}
		os.RemoveAll(t.dir)
	}
	if failed > 0 {
		return fmt.Errorf("%d faults did harm", failed)
	}
	return nil
}

// binaries are the programs that take part.
type binaries struct {
	tool   string // monitorgen
	victim string // recorded into a spool
	sink   string // recorded into a database, by itself
}

func build(ctx context.Context, dir string) (b binaries, err error) {
	b = binaries{tool: filepath.Join(dir, "monitorgen"), victim: filepath.Join(dir, "victim"), sink: filepath.Join(dir, "victim-sink")}
	for _, args := range [][]string{
		{"go", "build", "-o", b.tool, "./cmd/monitorgen"},
		{b.tool, "build", "-o", b.victim, "./scripts/faultsrun/victim"},
		{b.tool, "build", "-tags", "sink", "-o", b.sink, "./scripts/faultsrun/victim"},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return b, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return b, nil
}
