package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/chserver"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/sink"
	_ "github.com/monitorgen/monitorgen/sink/clickhouse"
	_ "github.com/monitorgen/monitorgen/sink/otlp"
	_ "github.com/monitorgen/monitorgen/sink/postgres"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// target is a store to be measured.
type target struct {
	name, url string                               // no URL: a SQLite file
	bytes     func(context.Context) (int64, error) // that calls take by now; nil: nobody knows
	rates     []float64                            // rows a second
	ratios    []float64                            // to the first target in the same round
	rows      int64
}

// runStores writes the same rows into every store that this host has, in turns,
// and prints rows a second: medians, and the ratio to SQLite in the same round; and
// the bytes that a row takes there. An engine on this host takes its share of the
// processors; OTLP's receiver takes requests and looks at nothing.
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
	if err := os.Chmod(work, 0o711); err != nil { // an engine runs as another user
		return err
	}
	file := func(round int) string { return filepath.Join(work, fmt.Sprintf("%d.db", round)) }
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer receiver.Close()
	targets := []*target{
		{name: "SQLite", bytes: func(context.Context) (int64, error) { return sizes(work, "*.db") }},
		{name: "OTLP, no receiver's work", url: "otlp+" + receiver.URL},
	}
	engines, stop, err := startEngines(ctx, work)
	defer stop()
	if err != nil {
		return err
	}
	targets = append(targets, engines...)
	for round := range *rounds {
		for _, t := range targets {
			store, err := openStore(ctx, t.url, file(round))
			if err != nil {
				return err
			}
			rate, err := writeRate(ctx, store, fmt.Sprintf("%032x", round+1), *count, *batch)
			if err = errors.Join(err, store.Close()); err != nil {
				return err
			}
			t.rows += int64(*count)
			t.rates = append(t.rates, rate)
			t.ratios = append(t.ratios, rate/targets[0].rates[round])
		}
	}
	for _, t := range targets {
		size := ""
		if t.bytes != nil {
			bytes, err := t.bytes(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			size = fmt.Sprintf(", %.0f bytes a row", float64(bytes)/float64(t.rows))
		}
		fmt.Printf("%-26s %9.0f rows/s, %.2f of SQLite%s\n", t.name, median(t.rates), median(t.ratios), size)
	}
	return nil
}

// sizes sums up the sizes of files.
func sizes(dir, pattern string) (sum int64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, err
}

// startEngines starts those that this host has; stop ends them.
func startEngines(ctx context.Context, work string) (list []*target, stop func(), err error) {
	var started []interface{ Kill() }
	stop = func() {
		for _, server := range started {
			server.Kill()
		}
	}
	folder := func(name string) string { return filepath.Join(work, name) }
	for _, name := range []string{"postgres", "clickhouse", "chdb"} {
		if err := os.Mkdir(folder(name), 0o700); err != nil {
			return nil, stop, err
		}
	}
	postgres, err := pgserver.New(ctx, folder("postgres"), "not a secret")
	switch {
	case errors.Is(err, pgserver.ErrNone):
		fmt.Println("PostgreSQL is skipped:", err)
	case err != nil:
		return nil, stop, err
	default:
		started = append(started, postgres)
		list = append(list, &target{name: "PostgreSQL, this host", url: postgres.URL() + "?retention=off", bytes: func(ctx context.Context) (int64, error) { return postgresBytes(ctx, postgres) }})
	}
	for _, engine := range []struct {
		name  string
		start func() (*chserver.Server, error)
	}{
		{"ClickHouse, this host", func() (*chserver.Server, error) { return chserver.New(ctx, folder("clickhouse"), "not a secret") }},
		{"chdb, this host", func() (*chserver.Server, error) { return chserver.NewEmbedded(ctx, folder("chdb")) }},
	} {
		server, err := engine.start()
		if errors.Is(err, chserver.ErrNone) {
			fmt.Println(engine.name, "is skipped:", err)
			continue
		}
		if err != nil {
			return nil, stop, err
		}
		started = append(started, server)
		list = append(list, &target{name: engine.name, url: server.URL() + "?retention=off", bytes: func(ctx context.Context) (int64, error) { return clickhouseBytes(ctx, server) }})
	}
	return list, stop, nil
}

// postgresBytes is what calls take, indexes included.
func postgresBytes(ctx context.Context, server *pgserver.Server) (bytes int64, err error) {
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	return bytes, conn.QueryRow(ctx, "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'monitor_calls'::regclass").Scan(&bytes)
}

// clickhouseBytes is what calls take when what was inserted is merged.
func clickhouseBytes(ctx context.Context, server *chserver.Server) (int64, error) {
	if _, err := server.Query(ctx, "OPTIMIZE TABLE monitor_stored_calls FINAL"); err != nil {
		return 0, err
	}
	text, err := server.Query(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE table = 'monitor_stored_calls' AND active")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
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
	rows.chance = rand.New(rand.NewPCG(1, uint64(len(run)))) // the same for all
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
