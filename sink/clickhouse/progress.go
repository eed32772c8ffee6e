package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// progress is how far a run is stored, and the counts up to there. It is stored in
// one row, after all that it counts: what is stored and not counted comes again.
type progress struct {
	version   uint64
	last      int64 // end of the latest call
	ended     bool
	batches   int64 // that brought calls
	positions []spool.Position
	counts    map[string]int64
	idle      []spool.Figures // that are not stored yet
}

// after returns the progress when a batch is stored.
func (p *progress) after(b *sink.Batch) *progress {
	next := &progress{
		version: max(p.version+1, uint64(time.Now().UnixNano())), // above that of a request that is still on its way
		last:    p.last, ended: b.Ended, batches: p.batches + int64(min(len(b.Calls), 1)), positions: slices.Clone(p.positions), counts: maps.Clone(p.counts),
	}
	for i := range b.Calls {
		next.last = max(next.last, b.Calls[i].Start+b.Calls[i].Duration)
		if b.Calls[i].Failed() {
			next.counts["errors"]++
		}
	}
	for _, d := range b.Drops {
		next.counts["drops"] += int64(d.Count)
	}
	next.counts["calls"] += int64(len(b.Calls))
	next.counts["bytes"] += b.Bytes
	next.counts["quarantined"] += int64(b.Quarantined)
	for _, l := range b.Lanes {
		next.lane(l)
	}
	maps.DeleteFunc(next.counts, func(_ string, n int64) bool { return n == 0 })
	for _, at := range b.Positions {
		same := func(o spool.Position) bool { return o.Lane == at.Lane && o.Shard == at.Shard }
		if i := slices.IndexFunc(next.positions, same); i >= 0 {
			next.positions[i] = at
		} else {
			next.positions = append(next.positions, at)
		}
	}
	if b.Ended {
		next.positions = nil
	}
	return next
}

// lane keeps what a run says of its spool: sums since its start, which only grow, but
// for what is in use.
func (p *progress) lane(l spool.Lane) {
	prefix := "spool_normal_"
	if l.Lane == wire.LaneError {
		prefix = "spool_error_"
	}
	for name, value := range map[string]int64{"enqueued": l.Enqueued, "overflowed": l.Overflowed, "recovered": l.Recovered, "dropped": l.Dropped,
		"bytes": l.Bytes, "used_max": l.Used, "bound": l.Bound, "warnings": l.Warnings} {
		p.counts[prefix+name] = max(p.counts[prefix+name], value)
	}
}

// changes reports whether a batch has anything but process figures.
func changes(b *sink.Batch) bool {
	return len(b.Calls) > 0 || len(b.Drops) > 0 || len(b.Lanes) > 0 || len(b.Positions) > 0 || b.Quarantined > 0 || b.Ended
}

const progressColumns = `run_id, version, last_ns, ended, batches, lanes, shards, segments, offsets, names, "values"`

func (s *Store) writeProgress(ctx context.Context, run sink.RunID, p *progress) error {
	var r rows
	r.int64(int64(run))
	r.uint64(p.version)
	r.int64(p.last)
	r.bool(p.ended)
	r.int64(p.batches)
	r.length(len(p.positions))
	for _, at := range p.positions {
		r.uint8(uint8(at.Lane))
	}
	r.length(len(p.positions))
	for _, at := range p.positions {
		r.uint32(at.Shard)
	}
	r.length(len(p.positions))
	for _, at := range p.positions {
		r.uint32(at.Segment)
	}
	r.length(len(p.positions))
	for _, at := range p.positions {
		r.uint64(at.Offset)
	}
	names := slices.Sorted(maps.Keys(p.counts))
	r.length(len(names))
	for _, name := range names {
		r.text(name)
	}
	r.length(len(names))
	for _, name := range names {
		r.int64(p.counts[name])
	}
	return s.client.insert(ctx, "monitor_progress", progressColumns, r)
}

// readProgress reads how far a run is stored; nothing is, of one that has none.
func (s *Store) readProgress(ctx context.Context, run int64) (*progress, error) {
	p := &progress{counts: map[string]int64{}}
	lines, err := s.client.query(ctx, fmt.Sprintf(`SELECT version, last_ns, ended, batches, lanes, shards, segments, offsets, arrayStringConcat(names, ','), "values"
		FROM monitor_progress WHERE run_id = %d ORDER BY version DESC LIMIT 1`, run))
	if err != nil || len(lines) == 0 {
		return p, err
	}
	line := lines[0]
	if len(line) != 10 {
		return nil, errAnswer
	}
	if p.version, err = strconv.ParseUint(line[0], 10, 64); err != nil {
		return nil, err
	}
	if p.last, err = strconv.ParseInt(line[1], 10, 64); err != nil {
		return nil, err
	}
	p.ended = line[2] == "1"
	if p.batches, err = strconv.ParseInt(line[3], 10, 64); err != nil {
		return nil, err
	}
	if p.positions, err = readPositions(line[4:8]); err != nil {
		return nil, err
	}
	var counts []int64
	if err := json.Unmarshal([]byte(line[9]), &counts); err != nil {
		return nil, err
	}
	for i, name := range strings.FieldsFunc(line[8], func(c rune) bool { return c == ',' }) {
		if i < len(counts) {
			p.counts[name] = counts[i]
		}
	}
	return p, nil
}

// readPositions makes positions of lists of lanes, shards, segments and offsets.
func readPositions(texts []string) (all []spool.Position, err error) {
	var lists [4][]uint64
	for i, text := range texts {
		if err = json.Unmarshal([]byte(text), &lists[i]); err != nil {
			return nil, err
		}
		if len(lists[i]) != len(lists[0]) {
			return nil, errors.New("lists of positions are of different lengths")
		}
	}
	for i := range lists[0] {
		all = append(all, spool.Position{Lane: wire.Lane(lists[0][i]), Shard: uint32(lists[1][i]), Segment: uint32(lists[2][i]), Offset: lists[3][i]})
	}
	return all, nil
}
