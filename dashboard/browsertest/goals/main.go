// Goals measures the dashboard against its goals, on a database of a million
// calls that it records first, in a real Chromium: scripts/bench dashboard
// prints the table that docs/dashboard.md has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/monitorgen/monitorgen/dashboard/browsertest"
)

func main() {
	var b bench
	flag.IntVar(&b.calls, "calls", 1_000_000, "recorded calls in the database")
	flag.IntVar(&b.deep, "deep", 100_000, "of them in one trace")
	flag.IntVar(&b.rate, "rate", 10_000, "calls per second that arrive while the page is watched")
	flag.DurationVar(&b.span, "for", time.Minute, "how long they arrive")
	flag.StringVar(&b.database, "db", "", "a database of an earlier run with -keep, instead of recording one")
	flag.StringVar(&b.keep, "keep", "", "leave the database in this `file`")
	flag.StringVar(&b.only, "only", "", "measure these `parts` alone, separated by commas: sizes, paint, api, jumps, trace, latency, flood, pages")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench dashboard:", err)
		os.Exit(2)
	}
	if b.missed > 0 {
		fmt.Printf("%d goals are missed\n", b.missed)
		os.Exit(1)
	}
}

// bench is one measurement of everything.
type bench struct {
	calls, deep, rate int
	span              time.Duration
	database, keep    string
	only              string

	tool    *browsertest.Tool
	server  *browsertest.Server
	browser context.Context
	missed  int
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "monitorgen-goals")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.tool, err = browsertest.Build(dir); err != nil {
		return err
	}
	if err := b.record(ctx, dir); err != nil {
		return err
	}
	if b.server, err = b.tool.Serve(ctx, b.database); err != nil {
		return err
	}
	defer b.server.Close()
	browser, end, err := browsertest.Chromium(ctx, chromedp.Flag("enable-precise-memory-info", true))
	if err != nil {
		return err
	}
	defer end()
	b.browser = browser
	fmt.Printf("| what | goal | measured |\n| --- | --- | --- |\n")
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"sizes", b.sizes}, {"paint", b.firstPaint}, {"api", b.api}, {"jumps", b.jumps}, {"trace", b.trace}, {"latency", b.latency}, {"flood", b.flood},
		{"pages", b.pages},
	} {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), part.name) || b.only == "" && part.name == "pages" {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return err
		}
	}
	info, err := os.Stat(b.database)
	if err != nil {
		return err
	}
	var health struct{ Calls int }
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/health", &health); err != nil {
		return err
	}
	fmt.Printf("\n%d calls, %d MiB; %s, %d processors\n", health.Calls, info.Size()>>20, runtime.Version(), runtime.NumCPU())
	return nil
}

// record makes the database, unless one was named.
func (b *bench) record(ctx context.Context, dir string) error {
	if b.database != "" {
		abs, err := filepath.Abs(b.database)
		b.database = abs
		return err
	}
	b.database = filepath.Join(dir, "many.db")
	if b.keep != "" {
		abs, err := filepath.Abs(b.keep)
		if err != nil {
			return err
		}
		if _, err := os.Stat(abs); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there already", b.keep)
		}
		b.database = abs
	}
	cmd := b.tool.RecordingHere(ctx, b.database, "./testdata/many", "-calls", fmt.Sprint(b.calls-b.deep), "-deep", fmt.Sprint(b.deep))
	cmd.Env = append(os.Environ(), "MONITOR_OVERFLOW=wait")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("recording: %w\n%s", err, out)
	}
	return nil
}

// row prints a line of the table. ok says whether the goal is reached.
func (b *bench) row(what, goal, measured string, ok bool) {
	if !ok {
		b.missed++
		measured = "**" + measured + "**"
	}
	fmt.Printf("| %s | %s | %s |\n", what, goal, measured)
}

// below prints a line for durations in milliseconds whose 95th percentile has a
// bound.
func (b *bench) below(what string, bound float64, values []float64) {
	slices.Sort(values)
	p50, p95, most := quantile(values, 0.5), quantile(values, 0.95), values[len(values)-1]
	b.row(what, fmt.Sprintf("p95 ≤ %g ms", bound), fmt.Sprintf("p50 %.1f, p95 %.1f, max %.1f ms", p50, p95, most), p95 <= bound)
}

// quantile is the value at a share of sorted values.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// tab opens a tab; closing is the caller's.
func (b *bench) tab() (*browsertest.Tab, context.CancelFunc, error) {
	return browsertest.NewTab(b.browser, b.server.URL)
}
