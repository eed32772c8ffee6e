package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/monitorgen/monitorgen/export"
)

const exportUsage = `usage: monitorgen export -format FORMAT [flags] [FILE | URL]

Export writes calls, oldest first, as they are read. FILE is a database,
monitor.db if not named; ` + serverText + `
The formats are

%s
	monitorgen export -format perfetto -q 'run:last group:desk.*' -o desk.perfetto.json
	monitorgen export -format pprof -since 10m -o desk.pb.gz && go tool pprof -top desk.pb.gz
`

func runExport(ctx context.Context, e *env, args []string) int {
	var f filterFlags
	var about strings.Builder
	for _, format := range export.Formats {
		fmt.Fprintf(&about, "\t%-10s %s\n", format.Name, format.About)
	}
	fs := newFlags(e, "export", fmt.Sprintf(exportUsage, about.String()))
	f.register(fs)
	name := fs.String("format", "jsonl", "the `format`")
	to := fs.String("o", "", "write to this `file` instead of standard output")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	file, code, goOn := oneSource(e, fs)
	if !goOn {
		return code
	}
	format, err := export.Find(*name)
	if err != nil {
		return e.failf("-format: %v", err)
	}
	if format.Binary() && *to == "" && terminal(e.stdout) {
		return e.failf("%s is not for a terminal: -o names a file", format.Name)
	}
	db := e.openReader(ctx, file)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	write := func(w io.Writer) (n int64, err error) { return export.Write(ctx, w, format, db, f.filter()) }
	if *to == "" {
		if _, err := write(e.stdout); err != nil && !errors.Is(err, syscall.EPIPE) {
			return e.failQuery(db.Path(), err)
		}
		return exitDone
	}
	n, err := writeFile(e.path(*to), write)
	if err != nil {
		return e.failQuery(db.Path(), err)
	}
	fmt.Fprintf(e.stderr, "monitorgen: %s in %s\n", plural(n, "call"), *to)
	return exitDone
}

// writeFile writes a whole file or, when that fails, none.
func writeFile(path string, write func(io.Writer) (int64, error)) (n int64, err error) {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return n, err
}
