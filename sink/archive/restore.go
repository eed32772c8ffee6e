package archive

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// Restored says what Restore has done.
type Restored struct {
	Files int
	Calls int64
}

// Restore stores the calls of files, each whole. The Store should be a new one:
// whether it has a call already is only known for those of the same file.
func (a *Archive) Restore(ctx context.Context, store sink.Store, names []string) (done Restored, err error) {
	r := restorer{store: store, functions: map[string]*spool.Function{}, runs: map[string]sink.RunID{}}
	for _, name := range names {
		got := newSum()
		err := a.read(ctx, name, func(rows []row) error {
			for i := range rows {
				got.add(&rows[i])
				if err := r.add(ctx, &rows[i]); err != nil {
					return err
				}
			}
			a.Progress(name, got.rows)
			return nil
		})
		if err == nil {
			err = r.flush(ctx)
		}
		if err == nil && sumInName(name) != fmt.Sprintf("%.16s", got) {
			err = fmt.Errorf("%s is not what was archived: its rows have the checksum %.16s", name, got)
		}
		if err != nil {
			return done, fmt.Errorf("restore from %s: %w", a, err)
		}
		done.Files++
		done.Calls += got.rows
	}
	return done, r.end(ctx)
}

// restorer makes batches of rows.
type restorer struct {
	store     sink.Store
	functions map[string]*spool.Function // by digest
	runs      map[string]sink.RunID      // by their ids
	run       string                     // that of the batch
	batch     sink.Batch
}

func (r *restorer) add(ctx context.Context, from *row) error {
	if from.Run != r.run || len(r.batch.Calls) >= sink.DefaultBatchSize {
		if err := r.flush(ctx); err != nil {
			return err
		}
		if err := r.begin(ctx, from); err != nil {
			return err
		}
	}
	f, ok := r.functions[from.Digest]
	if !ok {
		var err error
		if f, err = from.function(); err != nil {
			return err
		}
		r.functions[fmt.Sprintf("%x", f.Digest)] = f
	}
	r.batch.Calls = append(r.batch.Calls, from.call(f))
	return nil
}

// begin makes the run of a row that of the batch.
func (r *restorer) begin(ctx context.Context, from *row) error {
	id, ok := r.runs[from.Run]
	if !ok {
		info, err := from.info()
		if err != nil {
			return err
		}
		if id, _, err = r.store.Run(ctx, info); err != nil {
			return err
		}
		r.runs[info.ID] = id
		r.run = info.ID
	}
	if from.Run != r.run {
		r.run = string([]byte(from.Run))
	}
	r.batch.Run = id
	return nil
}

func (r *restorer) flush(ctx context.Context) error {
	if len(r.batch.Calls) == 0 {
		return nil
	}
	if err := r.store.Write(ctx, &r.batch); err != nil {
		return err
	}
	clear(r.batch.Calls)
	r.batch = sink.Batch{Run: r.batch.Run, Calls: r.batch.Calls[:0]}
	return nil
}

// end says that nothing more will come of the runs.
func (r *restorer) end(ctx context.Context) error {
	for _, id := range r.runs {
		if err := r.store.Write(ctx, &sink.Batch{Run: id, Ended: true}); err != nil {
			return err
		}
	}
	return nil
}
