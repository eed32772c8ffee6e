package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// What is said once of many calls, functions and stacks, is kept as long as the
// latest of them: used_ns is the end of the partition that call is in. So a row is
// written again when its first call comes to a partition, and not for each.

// usedUntil is the end of the partition of a start.
func usedUntil(start int64) int64 { return beginning(start) + int64(partitionSpan) }

// writeFunctions makes rows of the functions of a batch that are not known yet, or
// not as being used at that time.
func (s *Store) writeFunctions(ctx context.Context, tx pgx.Tx, b *sink.Batch) error {
	var last *spool.Function
	var until int64
	add := func(f *spool.Function, start int64) error {
		if f == last && start < until {
			return nil
		}
		used := usedUntil(start)
		last, until = f, max(used, s.functions[f.Digest].used)
		if s.functions[f.Digest].used >= used {
			return nil
		}
		id, err := writeFunction(ctx, tx, f, used)
		s.functions[f.Digest] = known{id, used}
		return err
	}
	for i := range b.Calls {
		if err := add(b.Calls[i].Function, b.Calls[i].Start); err != nil {
			return err
		}
	}
	for _, d := range b.Drops {
		if err := add(d.Function, d.Time); err != nil {
			return err
		}
	}
	if b.Open != nil {
		for i := range b.Open.Calls {
			if err := add(b.Open.Calls[i].Function, b.Open.Calls[i].Start); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFunction(ctx context.Context, tx pgx.Tx, f *spool.Function, used int64) (id int64, err error) {
	// Looked for first: an insertion takes a number whether it inserts or not.
	err = tx.QueryRow(ctx, "UPDATE monitor_functions SET used_ns = greatest(used_ns, $1) WHERE digest = $2 RETURNING function_id", used, f.Digest[:]).Scan(&id)
	if !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO monitor_functions AS had
		(digest, name, package, file, line, signature, "group", process, options, source, data, used_ns)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (digest) DO UPDATE SET used_ns = greatest(had.used_ns, excluded.used_ns) RETURNING function_id`,
		f.Digest[:], clean(f.Name), clean(f.Package), clean(f.File), f.Line, clean(f.Signature), clean(f.Group), clean(f.Process), clean(f.Options), clean(f.Source), f.DataJSON(), used).Scan(&id)
	return id, err
}

func (s *Store) writeStacks(ctx context.Context, tx pgx.Tx, b *sink.Batch) error {
	for i := range b.Calls {
		stack, used := b.Calls[i].Stack, usedUntil(b.Calls[i].Start)
		if stack == nil || s.stacks[stack.Digest] >= used {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO monitor_stacks AS had (digest, text, used_ns) VALUES ($1, $2, $3)
			ON CONFLICT (digest) DO UPDATE SET used_ns = greatest(had.used_ns, excluded.used_ns)`, stack.Digest[:], clean(stack.Text), used)
		if err != nil {
			return err
		}
		s.stacks[stack.Digest] = used
	}
	return nil
}
