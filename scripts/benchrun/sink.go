package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// cost is what writing rows took.
type cost struct {
	rows      int
	took, cpu time.Duration
}

func (c cost) perSecond() float64 { return float64(c.rows) / c.took.Seconds() }
func (c cost) perCPU() float64    { return float64(c.rows) / c.cpu.Seconds() }

// sinkBench measures the store beside C SQLite, one after the other in changing
// order, each into a new file of the same folder.
type sinkBench struct {
	dir    string
	c      string // the C program
	rows   int
	batch  int
	window int // rows that are kept, where rows go
	commit int // rows of a batch at 100,000 a second
}

func runSink(ctx context.Context, args []string) error {
	b := sinkBench{}
	fs := flag.NewFlagSet("sink", flag.ExitOnError)
	rounds := fs.Int("rounds", 3, "pairs of each kind")
	span := fs.Duration("span", 20*time.Second, "of the run at 100,000 rows a second")
	fs.IntVar(&b.rows, "rows", 3_000_000, "rows of each run")
	fs.IntVar(&b.commit, "commit", 2_500, "rows of each batch of the run at 100,000 rows a second: about what a drainer makes of sink.Paced")
	fs.StringVar(&b.dir, "dir", "", "folder of the files, on the file system that is measured; a temporary one if not named")
	fs.Parse(args)
	b.batch, b.window = sink.DefaultBatchSize, b.rows/3
	work, err := os.MkdirTemp(b.dir, "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b.dir = work
	if b.c, err = compileC(ctx, work); err != nil {
		return err
	}
	for _, kind := range []struct {
		about   string
		c, ours func(ctx context.Context, path string) (cost, error)
		atLeast float64
	}{
		{"rows, no indexes", b.cPlain, b.oursPlain, 0.5},
		{"indexes, rows that go", b.cLive, b.oursLive, 3},
	} {
		if err := b.compare(ctx, *rounds, kind.about, kind.c, kind.ours, kind.atLeast); err != nil {
			return err
		}
	}
	return b.paced(ctx, *span)
}

// compileC compiles the C program; what it needs it fetches where apt-get can.
func compileC(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "sink")
	compile := func() error {
		return execute(ctx, ".", "gcc", "-O2", "-o", program, "scripts/benchrun/csqlite/sink.c", "-lsqlite3")
	}
	_, noCompiler := exec.LookPath("gcc")
	_, noHeader := os.Stat("/usr/include/sqlite3.h")
	if noCompiler != nil || noHeader != nil {
		if err := execute(ctx, ".", "apt-get", "install", "-y", "-q", "gcc", "libc6-dev", "libsqlite3-dev"); err != nil {
			return "", fmt.Errorf("install gcc and libsqlite3-dev: %w", err)
		}
	}
	return program, compile()
}

// compare takes pairs and prints the medians, and those of the ratios.
func (b *sinkBench) compare(ctx context.Context, rounds int, about string, c, ours func(context.Context, string) (cost, error), atLeast float64) error {
	var wall, cpu, cRate, oursRate []float64
	for round := range rounds {
		var costs [2]cost
		sides := []func(context.Context, string) (cost, error){c, ours}
		for j := range sides {
			side := (round + j) % 2
			path := filepath.Join(b.dir, fmt.Sprintf("%d-%d.db", round, side))
			var err error
			if costs[side], err = sides[side](ctx, path); err != nil {
				return err
			}
			for _, end := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
			}
		}
		wall = append(wall, costs[1].perSecond()/costs[0].perSecond())
		cpu = append(cpu, costs[1].perCPU()/costs[0].perCPU())
		cRate, oursRate = append(cRate, costs[0].perSecond()), append(oursRate, costs[1].perSecond())
	}
	fmt.Printf("%-24s C %9.0f rows/s, ours %9.0f rows/s: %.2fx (goal %.1fx); per second of processor %.2fx\n",
		about, median(cRate), median(oursRate), median(wall), atLeast, median(cpu))
	return nil
}

func (b *sinkBench) cPlain(ctx context.Context, path string) (cost, error) {
	return b.runC(ctx, "plain", path)
}

func (b *sinkBench) cLive(ctx context.Context, path string) (cost, error) {
	return b.runC(ctx, "live", path, strconv.Itoa(b.window))
}

func (b *sinkBench) runC(ctx context.Context, kind, path string, more ...string) (cost, error) {
	cmd := exec.CommandContext(ctx, b.c, append([]string{kind, path, strconv.Itoa(b.rows), strconv.Itoa(b.batch)}, more...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return cost{}, fmt.Errorf("run the C program: %w", err)
	}
	var rows int
	var took, cpu float64
	if _, err := fmt.Sscan(string(out), &rows, &took, &cpu); err != nil {
		return cost{}, fmt.Errorf("read what the C program printed: %w", err)
	}
	return cost{rows, time.Duration(took * 1e9), time.Duration(cpu * 1e9)}, nil
}

// oursPlain writes what a drainer would, rollups, edges and positions
// included, and indexes nothing.
func (b *sinkBench) oursPlain(ctx context.Context, path string) (cost, error) {
	return b.write(ctx, path, sqlite.Options{Retention: sqlite.KeepAll}, false)
}

// oursLive also indexes and takes away all but the window. The window is an
// age of the rows, and up to a minute of them more stays until it is looked at.
func (b *sinkBench) oursLive(ctx context.Context, path string) (cost, error) {
	return b.write(ctx, path, sqlite.Options{Retention: sqlite.Retention{Age: time.Duration(b.window) * rowSpan}}, true)
}

func (b *sinkBench) write(ctx context.Context, path string, o sqlite.Options, maintain bool) (cost, error) {
	rows := newRows()
	o.Now = rows.now
	store, err := sqlite.OpenWith(ctx, path, o)
	if err != nil {
		return cost{}, err
	}
	defer store.Close()
	if err := rows.start(ctx, store, "a"); err != nil {
		return cost{}, err
	}
	c := cost{rows: b.rows}
	for left := b.rows; left > 0; left -= b.batch {
		batch := rows.batch(min(left, b.batch)) // a drainer decodes it: that is not the store's
		began, used := time.Now(), processorTime()
		if err := store.Write(ctx, batch); err != nil {
			return cost{}, err
		}
		for more := maintain; more; {
			if more, err = store.Maintain(ctx); err != nil {
				return cost{}, err
			}
		}
		c.took, c.cpu = c.took+time.Since(began), c.cpu+processorTime()-used
	}
	return c, nil
}

// pacedRate is how many rows a second paced writes.
const pacedRate = 100_000

// paced writes so many rows a second while a reader asks for what a dashboard shows,
// and prints how long the commits took.
func (b *sinkBench) paced(ctx context.Context, span time.Duration) error {
	rows := newRows()
	path := filepath.Join(b.dir, "paced.db")
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := rows.start(ctx, store, "a"); err != nil {
		return err
	}
	if err := store.Write(ctx, rows.batch(100)); err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	read := make(chan error, 1)
	go func() { read <- readAlong(reading, path) }()
	var commits, parts []time.Duration
	every := time.Second * time.Duration(b.commit) / pacedRate
	tick := time.NewTicker(every)
	defer tick.Stop()
	began := time.Now()
	for time.Since(began) < span && err == nil {
		<-tick.C
		start := time.Now()
		err = store.Write(ctx, rows.batch(b.commit))
		commits = append(commits, time.Since(start))
		for more := true; more && err == nil && time.Since(start) < every; {
			part := time.Now()
			more, err = store.Maintain(ctx)
			parts = append(parts, time.Since(part))
		}
	}
	stop()
	if err := errors.Join(err, <-read); err != nil {
		return err
	}
	fmt.Printf("%.0f rows/s (of %d), a reader: commits of %d p50 %s, p99 %s, longest %s (goal p99 20ms) of %d; between them the longest part of maintenance %s\n",
		float64(len(commits)*b.commit)/time.Since(began).Seconds(), pacedRate, b.commit, quantile(commits, 0.5), quantile(commits, 0.99), quantile(commits, 1), len(commits), quantile(parts, 1))
	return nil
}

// readAlong asks twenty times a second for what a dashboard shows: the newest calls,
// the newest errors, and the sums of all functions.
func readAlong(ctx context.Context, path string) error {
	db, err := query.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		_, err := db.Calls(ctx, query.Filter{}, query.Page{Limit: 50})
		if err == nil {
			_, err = db.Errors(ctx, query.Filter{}, 50)
		}
		if err == nil {
			_, err = db.SQL(ctx, "SELECT process, sum(calls), sum(errors) FROM rollups WHERE seconds = 60 GROUP BY process", 1000)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
