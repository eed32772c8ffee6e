package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/sink"
	_ "github.com/monitorgen/monitorgen/sink/otlp"
	_ "github.com/monitorgen/monitorgen/sink/postgres"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// runStores writes the same rows into every store that this host has, in turns,
// and prints rows a second: medians, and the ratio to SQLite in the same round. An
// engine on this host takes its share of the processors; OTLP's receiver takes
// requests and looks at nothing.
func runStores(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("stores", flag.ExitOnError)
	count := fs.Int("rows", 200_000, "rows of each run")
	batch := fs.Int("batch", 20_000, "rows of a batch")
	rounds := fs.Int("rounds", 3, "rounds")
	fs.Parse(args)
	work, err := os.MkdirTemp("", "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer receiver.Close()
	urls := []string{"", "otlp+" + receiver.URL}
	if err := os.Chmod(work, 0o711); err != nil { // an engine runs as another user
		return err
	}
	server, err := startServer(ctx, work)
	switch {
	case errors.Is(err, pgserver.ErrNone):
		fmt.Println("PostgreSQL is skipped:", err)
	case err != nil:
		return err
	default:
		defer server.Kill()
		urls = append(urls, server.URL()+"?retention=off")
	}
	rates, ratios := map[string][]float64{}, map[string][]float64{}
	for round := range *rounds {
		var first float64
		for _, url := range urls {
			store, err := openStore(ctx, url, filepath.Join(work, fmt.Sprintf("%d.db", round)))
			if err != nil {
				return err
			}
			rate, err := writeRate(ctx, store, fmt.Sprintf("%032x", round+1), *count, *batch)
			if err = errors.Join(err, store.Close()); err != nil {
				return err
			}
			if url == "" {
				first = rate
			}
			rates[url], ratios[url] = append(rates[url], rate), append(ratios[url], rate/first)
		}
	}
	for i, url := range urls {
		name := []string{"SQLite", "OTLP, no receiver's work", "PostgreSQL, this host"}[i]
		fmt.Printf("%-26s %9.0f rows/s, %.2f of SQLite\n", name, median(rates[url]), median(ratios[url]))
	}
	return nil
}

func startServer(ctx context.Context, work string) (*pgserver.Server, error) {
	dir := filepath.Join(work, "postgres")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return pgserver.New(ctx, dir, "not a secret")
}

// openStore opens the store of a URL, SQLite for none.
func openStore(ctx context.Context, url, path string) (sink.Store, error) {
	if url == "" {
		return sqlite.OpenWith(ctx, path, sqlite.Options{Retention: sqlite.KeepAll})
	}
	return sink.OpenStore(url)
}

// writeRate writes rows of a run of their own, and returns how many a second.
func writeRate(ctx context.Context, store sink.Store, run string, count, batch int) (float64, error) {
	rows := newRows()
	if err := rows.start(ctx, store, run); err != nil {
		return 0, err
	}
	var took time.Duration
	for left := count; left > 0; left -= batch {
		b := rows.batch(min(left, batch)) // a drainer decodes it: that is not the store's
		began := time.Now()
		if err := store.Write(ctx, b); err != nil {
			return 0, err
		}
		took += time.Since(began)
	}
	return float64(count) / took.Seconds(), nil
}
