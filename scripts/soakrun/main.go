// Soakrun has a store live through a day by an injected clock and looks whether
// it stays what it was: the size of the file and of its log, the memory, what is
// kept, and whether the file is whole in the end.
//
// In: flags. Out: a line an hour; exit code 1 where something grows or is wrong.
// May import: the standard library, and of this module what it tries.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	short := flag.Bool("short", false, "300,000 calls, in steps of five minutes")
	rows := flag.Int("rows", 50_400_000, "calls of the day")
	dir := flag.String("dir", "", "folder of the database; a temporary one if not named")
	flag.Parse()
	if *short {
		*rows = 300_000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *dir, *rows, *short)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, rows int, short bool) error {
	dir, err := os.MkdirTemp(dir, "monitorgen-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := begin(ctx, filepath.Join(dir, "day.db"), rows, short)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if err := d.live(ctx); err != nil {
		return err
	}
	return d.check(ctx)
}
