//go:build unix

// Crashrun lets a recorded program die in every way there is, hundreds of times,
// and counts what is in the database after monitorgen recover: every call that
// the program had acknowledged on a pipe has to be there, exactly once.
//
// Out: a table with a line per way of dying; exit code 1 if a call is missing or
// there twice, or if the program ended otherwise than it does unrecorded.
// May import: the standard library, sink, sink/sqlite and its query package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// options are what the flags say.
type options struct {
	short bool
	table bool
	keep  string
	seed  uint64
}

// tooMany failures of one way of dying say enough.
const tooMany = 3

func main() {
	if len(os.Args) == 4 && os.Args[1] == drainCommand {
		if err := drain(context.Background(), os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintf(os.Stderr, "crash: drain: %v\n", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.BoolVar(&o.short, "short", false, "some 40 deaths instead of 400")
	flag.BoolVar(&o.table, "table", false, "print the table in Markdown, as docs/crash.md has it")
	flag.StringVar(&o.keep, "keep", "", "work in this `folder`, and leave there what failed")
	flag.Uint64Var(&o.seed, "seed", rand.Uint64(), "the moments of death; they depend on the machine, too")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintf(os.Stderr, "crash: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "monitorgen-crash-"); err != nil {
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
	random := rand.New(rand.NewPCG(o.seed, 0))
	fmt.Printf("seed %d\n", o.seed)
	var failed []error
	var all []tally
	for _, w := range ways {
		t := tally{way: w.name}
		rounds := w.rounds
		if o.short {
			rounds = max(1, rounds/10)
		}
		for range rounds {
			d := &death{way: w, binaries: b, random: random, dir: filepath.Join(dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(w.name, " ", "-"), t.deaths))}
			err := d.run(ctx, &t)
			if errors.Is(err, errNotHere) {
				t.skipped = err.Error()
				break
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("%s, death %d: %w", w.name, t.deaths, err))
				if t.failed++; t.failed == tooMany {
					break
				}
				continue
			}
			os.RemoveAll(d.dir)
		}
		if !o.table {
			t.print(os.Stdout)
		}
		all = append(all, t)
	}
	if o.table {
		printTable(os.Stdout, all)
	}
	sum := total(all)
	fmt.Printf("%d deaths, %d calls acknowledged, %d lost, %d twice; %s, %s/%s, %d cores\n",
		sum.deaths, sum.acknowledged, sum.lost, sum.twice, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return errors.Join(failed...)
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
		{b.tool, "build", "-o", b.victim, "./scripts/crashrun/victim"},
		{b.tool, "build", "-tags", "sink", "-o", b.sink, "./scripts/crashrun/victim"},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return b, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return b, nil
}
