package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/sink"
	postgres "github.com/monitorgen/monitorgen/sink/postgres/query"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// runReads fills SQLite and PostgreSQL with the same calls of an hour, and asks both
// what the dashboard asks, in turns.
func runReads(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("reads", flag.ExitOnError)
	count := fs.Int("rows", 5_000_000, "calls")
	times := fs.Int("times", 5, "how often each question is asked")
	fs.Parse(args)
	work, err := os.MkdirTemp("", "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o711); err != nil { // the server runs as another user
		return err
	}
	path, folder := filepath.Join(work, "hour.db"), filepath.Join(work, "postgres")
	end, err := fillHour(ctx, path, *count)
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	server, err := pgserver.New(ctx, folder, "not a secret")
	if err != nil {
		return err
	}
	defer server.Kill()
	if err := fillServer(ctx, server, *count); err != nil {
		return err
	}
	file, err := query.Open(ctx, path)
	if err != nil {
		return err
	}
	defer file.Close()
	address, err := sink.ParseAddress(server.URL())
	if err != nil {
		return err
	}
	remote, err := postgres.Open(ctx, address)
	if err != nil {
		return err
	}
	defer remote.Close()
	return compareReads(ctx, file, remote, end, *count, *times)
}

// fillServer writes the same calls, and has the server look at what it got, as it
// does by itself in the long run.
func fillServer(ctx context.Context, server *pgserver.Server, count int) error {
	store, err := sink.OpenStore(server.URL() + "?retention=off")
	if err != nil {
		return err
	}
	defer store.Close()
	rows := newRows()
	rows.span = time.Hour / time.Duration(count)
	if err := rows.fill(ctx, store.(maintained), count); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// reading is a question to a repository.
type reading struct {
	about string
	ask   func(r dashboard.Repository, n int) error
}

func compareReads(ctx context.Context, file, server dashboard.Repository, end time.Time, count, times int) error {
	fmt.Printf("%d calls of an hour: medians of %d\n%-45s %10s %10s\n", count, times, "", "SQLite", "PostgreSQL")
	for _, q := range readings(ctx, end, count) {
		var took [2][]time.Duration
		for n := range times {
			for i, r := range []dashboard.Repository{file, server} {
				began := time.Now()
				if err := q.ask(r, n); err != nil {
					return fmt.Errorf("%s: %w", q.about, err)
				}
				took[i] = append(took[i], time.Since(began))
			}
		}
		a, b := quantile(took[0], 0.5), quantile(took[1], 0.5)
		fmt.Printf("%-45s %10v %10v, %.1f of SQLite\n", q.about, a.Round(10*time.Microsecond), b.Round(10*time.Microsecond), float64(b)/float64(a))
	}
	return nil
}

// readings are what pages of the dashboard ask.
func readings(ctx context.Context, end time.Time, count int) []reading {
	root := func(n int) query.CallID {
		return query.CallID{Run: 1, Call: int64(n)*int64(count)/1000/10*10 + 1}
	}
	failed, _ := filter.Parse("err") // it is a query
	since := func(d time.Duration) query.Filter { return query.Filter{Since: end.Add(-d)} }
	cells := func(f query.Filter) func(dashboard.Repository, int) error {
		return func(r dashboard.Repository, _ int) error {
			_, err := r.Cells(ctx, f, time.Minute, func(*query.Cell) {})
			return err
		}
	}
	return []reading{
		{"the newest 50 calls", func(r dashboard.Repository, _ int) error {
			_, err := r.Calls(ctx, query.Filter{}, query.Page{Limit: 50})
			return err
		}},
		{"the newest 50 calls of a function", func(r dashboard.Repository, n int) error {
			_, err := r.Calls(ctx, query.Filter{Function: fmt.Sprintf("desk.F%03d", n*13%functionCount)}, query.Page{Limit: 50})
			return err
		}},
		{"the newest 50 errors", func(r dashboard.Repository, _ int) error {
			_, err := r.Calls(ctx, query.Filter{Query: failed}, query.Page{Limit: 50})
			return err
		}},
		{"the slowest 50 calls", func(r dashboard.Repository, _ int) error {
			_, err := r.Calls(ctx, query.Filter{}, query.Page{Order: query.SlowestFirst, Limit: 50})
			return err
		}},
		{"a trace", func(r dashboard.Repository, n int) error {
			_, _, err := r.Spans(ctx, root(n))
			return err
		}},
		{"failures of the last ten minutes", func(r dashboard.Repository, _ int) error {
			_, err := r.Failures(ctx, since(10*time.Minute), 200_000)
			return err
		}},
		{"sums of the last ten minutes", cells(since(10 * time.Minute))},
		{"sums of the hour", cells(query.Filter{})},
		{"who calls whom, the last ten minutes", func(r dashboard.Repository, _ int) error {
			_, _, err := r.Links(ctx, since(10*time.Minute))
			return err
		}},
		{"how many calls", func(r dashboard.Repository, _ int) error {
			_, err := r.Count(ctx)
			return err
		}},
		{"how many errors, and where they are", func(r dashboard.Repository, _ int) error {
			_, err := r.Marks(ctx, query.Filter{Query: failed}, 500, query.Marks{})
			return err
		}},
	}
}
