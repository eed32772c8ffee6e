package sqlite

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// writeFunctions returns the ids of the functions of a batch, and makes rows of
// those that the database does not have. learned are those that s.functions
// does not have; they are to be remembered when the transaction is committed.
func (s *Store) writeFunctions(ctx context.Context, b *sink.Batch) (ids map[*spool.Function]int64, learned map[[32]byte]int64, err error) {
	ids, learned = map[*spool.Function]int64{}, map[[32]byte]int64{}
	add := func(f *spool.Function) error {
		if _, ok := ids[f]; ok {
			return nil
		}
		id, ok := s.functions[f.Digest]
		if !ok {
			id, ok = learned[f.Digest]
		}
		if !ok {
			if id, err = s.functionID(ctx, f); err != nil {
				return fmt.Errorf("write function %s: %w", f.Process, err)
			}
			learned[f.Digest] = id
		}
		ids[f] = id
		return nil
	}
	var last *spool.Function
	for i := range b.Calls {
		if f := b.Calls[i].Function; f != last {
			if err := add(f); err != nil {
				return nil, nil, err
			}
			last = f
		}
	}
	for _, d := range b.Drops {
		if err := add(d.Function); err != nil {
			return nil, nil, err
		}
	}
	if b.Open != nil {
		for i := range b.Open.Calls {
			if err := add(b.Open.Calls[i].Function); err != nil {
				return nil, nil, err
			}
		}
	}
	return ids, learned, nil
}

// functionID finds the row of a function or makes it.
func (s *Store) functionID(ctx context.Context, f *spool.Function) (id int64, err error) {
	result, err := s.conn.ExecContext(ctx, `INSERT OR IGNORE INTO monitor_functions
		(digest, name, package, file, line, signature, "group", process, options, source, data, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Digest[:], f.Name, f.Package, f.File, f.Line, f.Signature, f.Group, f.Process, f.Options, f.Source, f.DataJSON(), int64(f.Key))
	if err != nil {
		return 0, err
	}
	if err := s.conn.QueryRowContext(ctx, "SELECT function_id FROM monitor_functions WHERE digest = ?", f.Digest[:]).Scan(&id); err != nil {
		return 0, err
	}
	added, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if added == 0 {
		_, err := s.conn.ExecContext(ctx, "UPDATE monitor_functions SET key = ? WHERE function_id = ? AND key = 0", int64(f.Key), id)
		return id, err
	}
	for i, d := range f.Data {
		_, err := s.conn.ExecContext(ctx, "INSERT INTO monitor_values (function_id, position, name, type, output) VALUES (?, ?, ?, ?, ?)",
			id, i, d.Name, d.Type, d.Output)
		if err != nil {
			return 0, err
		}
	}
	return id, nil
}
