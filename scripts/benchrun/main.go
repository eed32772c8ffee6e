// Benchrun measures what recording costs. Every figure is taken as a pair, with
// and without, one right after the other in changing order: other work on the
// machine meets both. What it prints are medians of the pairs.
//
// In: a subcommand and its flags. Out: a table for docs/performance.md.
// May import: the standard library, and of this module what it measures.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sort"
)

// subcommand is one subject; each has a file of its own.
type subcommand struct {
	about string
	run   func(ctx context.Context, args []string) error
}

var subcommands = map[string]subcommand{
	"hot":       {"a recorded call beside the same work done by others (-rounds N, -span D)", runHot},
	"sink":      {"rows into a database beside C SQLite (-rounds N, -rows N, -span D, -dir FOLDER)", runSink},
	"stores":    {"rows into every store that this host has (-rows N, -batch N, -rounds N)", runStores},
	"query":     {"what a dashboard asks of a database (-rows N, -times N, -dir FOLDER)", runQuery},
	"reads":     {"what a dashboard asks, of SQLite and of PostgreSQL with the same calls (-rows N, -times N)", runReads},
	"build":     {"a build after a one-line edit, and with empty caches: go build and monitorgen build", runBuild},
	"dashboard": {"the dashboard against its goals, in Chromium, on a million calls (-calls N, -rate N, -for D, -keep FILE, -db FILE, -only PARTS)", runDashboard},
}

func main() {
	if len(os.Args) < 2 || subcommands[os.Args[1]].run == nil {
		usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := subcommands[os.Args[1]].run(ctx, os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: scripts/bench SUBCOMMAND [flags]")
	names := make([]string, 0, len(subcommands))
	for name := range subcommands {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", name, subcommands[name].about)
	}
}
