package postgres

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// What is said once of many calls, functions and stacks, is kept as long as the
// latest of them: used_ns is the end of the partition that call is in. So a row is
// written again when its first call comes to a partition, and not for each.

// usedUntil is the end of the partition of a start.
func usedUntil(start int64) int64 { return beginning(start) + int64(partitionSpan) }

// Agents write the same rows at the same time, all of them when a partition begins:
// they do so in one order, that of digests, so that none waits for one that waits for it.

// writeFunctions makes rows of the functions of a batch that are not known yet, or
// not as being used at that time.
func (s *Store) writeFunctions(ctx context.Context, tx pgx.Tx, b *sink.Batch) error {
	functions, until := map[[32]byte]*spool.Function{}, map[[32]byte]int64{}
	var last *spool.Function
	var lastUntil int64
	add := func(f *spool.Function, start int64) {
		if f == last && start < lastUntil {
			return
		}
		used := usedUntil(start)
		if used > max(s.functions[f.Digest].used, until[f.Digest]) {
			functions[f.Digest], until[f.Digest] = f, used
		}
		last, lastUntil = f, max(s.functions[f.Digest].used, until[f.Digest])
	}
	for i := range b.Calls {
		add(b.Calls[i].Function, b.Calls[i].Start)
	}
	for _, d := range b.Drops {
		add(d.Function, d.Time)
	}
	if b.Open != nil {
		for i := range b.Open.Calls {
			add(b.Open.Calls[i].Function, b.Open.Calls[i].Start)
		}
	}
	for _, digest := range inOrder(functions) {
		id, err := writeFunction(ctx, tx, functions[digest], until[digest])
		if err != nil {
			return err
		}
		s.functions[digest] = known{id, until[digest]}
	}
	return nil
}

// inOrder returns digests in the order in which rows are written.
func inOrder[V any](byDigest map[[32]byte]V) [][32]byte {
	return slices.SortedFunc(maps.Keys(byDigest), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
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
	stacks, until := map[[32]byte]*spool.Stack{}, map[[32]byte]int64{}
	for i := range b.Calls {
		stack := b.Calls[i].Stack
		if stack == nil {
			continue
		}
		if used := usedUntil(b.Calls[i].Start); used > max(s.stacks[stack.Digest], until[stack.Digest]) {
			stacks[stack.Digest], until[stack.Digest] = stack, used
		}
	}
	for _, digest := range inOrder(stacks) {
		_, err := tx.Exec(ctx, `INSERT INTO monitor_stacks AS had (digest, text, used_ns) VALUES ($1, $2, $3)
			ON CONFLICT (digest) DO UPDATE SET used_ns = greatest(had.used_ns, excluded.used_ns)`, digest[:], clean(stacks[digest].Text), until[digest])
		if err != nil {
			return err
		}
		s.stacks[digest] = until[digest]
	}
	return nil
}
