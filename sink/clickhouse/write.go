package clickhouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// keepBody is how much memory is kept for the next batch, in bytes.
const keepBody = 64 << 20

// Write stores a batch, one table after another, and last how far the spool is read.
// When it fails some of it may be stored: it comes again, and replaces that.
func (s *Store) Write(ctx context.Context, b *sink.Batch) error {
	err := s.do(ctx, "write", func(ctx context.Context) error { return s.write(ctx, b) })
	if err != nil || b.Ended {
		delete(s.runs, b.Run) // after a failure the server has to say how far it is
	}
	return err
}

func (s *Store) write(ctx context.Context, b *sink.Batch) error {
	before := s.runs[b.Run]
	if before == nil {
		return sink.ErrUnknownRun
	}
	if !changes(b) {
		return s.writeIdle(ctx, b, before)
	}
	next := before.after(b)
	for _, part := range []struct {
		name  string
		write func() error
	}{
		{"functions", func() error { return s.writeFunctions(ctx, b) }},
		{"stacks", func() error { return s.writeStacks(ctx, b) }},
		{"calls", func() error { return s.writeCalls(ctx, b, next.batches) }},
		{"drops", func() error { return s.writeDrops(ctx, b) }},
		{"open calls", func() error { return s.writeOpen(ctx, b, next.last) }},
		{"figures", func() error { return s.writeFigures(ctx, b.Run, append(before.idle, b.Figures...)) }},
		{"progress", func() error { return s.writeProgress(ctx, b.Run, next) }},
	} {
		if err := part.write(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	s.runs[b.Run] = next
	return nil
}

const callColumns = "run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, duration_ns, failed, flags, exception, stack, data, batch"

func (s *Store) writeCalls(ctx context.Context, b *sink.Batch, batch int64) error {
	if len(b.Calls) == 0 {
		return nil
	}
	r := s.body[:0]
	for i := range b.Calls {
		r.call(b.Run, &b.Calls[i], batch)
	}
	if s.body = nil; cap(r) <= keepBody {
		s.body = r
	}
	return s.client.insert(ctx, "monitor_stored_calls", callColumns, r)
}

// call appends a row of monitor_stored_calls.
func (r *rows) call(run sink.RunID, c *spool.Call, batch int64) {
	r.int64(int64(run))
	r.int64(int64(c.ID))
	r.int64(functionID(c.Function))
	r.int64(int64(c.Parent))
	r.int64(int64(c.Trace))
	r.int32(int32(c.Depth))
	r.int64(int64(c.Goroutine))
	r.int64(c.Start)
	if c.Flags&wire.FlagSampled != 0 {
		r.null()
	} else {
		r.present()
		r.int64(c.Duration)
	}
	r.bool(c.Failed())
	r.uint8(c.Flags)
	if c.Exception == "" {
		r.null()
	} else {
		r.present()
		r.text(c.Exception)
	}
	if c.Stack == nil {
		r.text("")
	} else {
		r.text(string(c.Stack.Digest[:]))
	}
	r.elements(c.Data)
	r.int64(batch)
}

// functionID is a function's number: 53 bits of its digest, which is what numbers in
// JSON may have. Nobody has to be asked for it.
func functionID(f *spool.Function) int64 {
	return int64(binary.LittleEndian.Uint64(f.Digest[:8]) >> 11)
}

// eachFunction visits the functions of a batch, some of them more than once.
func eachFunction(b *sink.Batch, visit func(*spool.Function)) {
	var last *spool.Function
	for i := range b.Calls {
		if f := b.Calls[i].Function; f != last {
			visit(f)
			last = f
		}
	}
	for _, d := range b.Drops {
		visit(d.Function)
	}
	if b.Open != nil {
		for i := range b.Open.Calls {
			visit(b.Open.Calls[i].Function)
		}
	}
}

// writeFunctions makes rows of the functions of a batch that are not known yet.
func (s *Store) writeFunctions(ctx context.Context, b *sink.Batch) error {
	var r rows
	added := map[[32]byte]bool{}
	eachFunction(b, func(f *spool.Function) {
		if s.functions[f.Digest] || added[f.Digest] {
			return
		}
		added[f.Digest] = true
		r.function(f)
	})
	if len(r) == 0 {
		return nil
	}
	err := s.client.insert(ctx, "monitor_stored_functions", `function_id, digest, name, package, file, line, signature, "group", process, options, source, data, value_names, value_outputs`, r)
	if err != nil {
		return err
	}
	for digest := range added {
		s.functions[digest] = true
	}
	return nil
}

// function appends a row of monitor_stored_functions.
func (r *rows) function(f *spool.Function) {
	r.int64(functionID(f))
	r.fixed(f.Digest[:])
	r.text(f.Name)
	r.text(f.Package)
	r.text(f.File)
	r.int32(int32(f.Line))
	for _, text := range []string{f.Signature, f.Group, f.Process, f.Options, f.Source, f.DataJSON()} {
		r.text(text)
	}
	r.length(len(f.Data))
	for _, d := range f.Data {
		r.text(d.Name)
	}
	r.length(len(f.Data))
	for _, d := range f.Data {
		r.bool(d.Output)
	}
}

func (s *Store) writeStacks(ctx context.Context, b *sink.Batch) error {
	var r rows
	added := map[[32]byte]bool{}
	for i := range b.Calls {
		if stack := b.Calls[i].Stack; stack != nil && !s.stacks[stack.Digest] && !added[stack.Digest] {
			added[stack.Digest] = true
			r.fixed(stack.Digest[:])
			r.text(stack.Text)
		}
	}
	if len(r) == 0 {
		return nil
	}
	if err := s.client.insert(ctx, "monitor_stored_stacks", "digest, text", r); err != nil {
		return err
	}
	for digest := range added {
		s.stacks[digest] = true
	}
	return nil
}

func (s *Store) writeDrops(ctx context.Context, b *sink.Batch) error {
	if len(b.Drops) == 0 {
		return nil
	}
	var r rows
	for _, d := range b.Drops {
		r.int64(int64(b.Run))
		r.int64(functionID(d.Function))
		r.int64(d.Time)
		r.int64(int64(d.Count))
	}
	return s.client.insert(ctx, "monitor_stored_drops", "run_id, function_id, at_ns, count", r)
}

// writeOpen stores the calls that a run had open when it ended, but for those that
// have ended after all. last is the end of its latest call.
func (s *Store) writeOpen(ctx context.Context, b *sink.Batch, last int64) error {
	if b.Open == nil || len(b.Open.Calls) == 0 {
		return nil
	}
	ended, err := s.endedOf(ctx, b)
	if err != nil {
		return err
	}
	seen, by := b.Open.Seen, b.Open.By
	if last > seen {
		seen, by = last, spool.SignRecord
	}
	var r rows
	for i := range b.Open.Calls {
		c := &b.Open.Calls[i]
		if ended[fmt.Sprint(c.ID)] {
			continue
		}
		r.int64(int64(b.Run))
		r.int64(int64(c.ID))
		r.int64(functionID(c.Function))
		r.int64(int64(c.Parent))
		r.int64(int64(c.Trace))
		r.int32(int32(c.Depth))
		r.int64(int64(c.Goroutine))
		r.int64(c.Start)
		r.int64(seen)
		r.text(string(by))
		r.text(c.Data)
	}
	if len(r) == 0 {
		return nil
	}
	return s.client.insert(ctx, "monitor_stored_open_calls", "run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, seen_ns, seen_by, data", r)
}

// endedOf returns which of a batch's open calls are stored as calls, by their numbers.
func (s *Store) endedOf(ctx context.Context, b *sink.Batch) (map[string]bool, error) {
	var ids []string
	for i := range b.Open.Calls {
		ids = append(ids, fmt.Sprint(b.Open.Calls[i].ID))
	}
	lines, err := s.client.query(ctx, fmt.Sprintf("SELECT DISTINCT call_id FROM monitor_stored_calls WHERE run_id = %d AND call_id IN (%s)", b.Run, strings.Join(ids, ", ")))
	if err != nil {
		return nil, err
	}
	ended := map[string]bool{}
	for _, line := range lines {
		ended[line[0]] = true
	}
	return ended, nil
}
