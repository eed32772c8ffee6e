package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Backlog is how many bytes of records of a run nobody has stored yet.
type Backlog struct{ Normal, Error int64 }

// ReadBacklog measures what a run has in its spool behind the positions up to
// which it is stored; without positions that is all. It takes no drain lock and
// writes nothing. Of each stream the newest segment alone is read, those before it
// count with their size: what a read costs is bounded, and a burst is known to
// within the unused end of a segment. The error wraps fs.ErrNotExist when the run
// is removed meanwhile.
func ReadBacklog(spool, id string, stored []Position) (b Backlog, err error) {
	raw, ok := parseID(id)
	if !ok {
		return b, fmt.Errorf("measure run %q: not the id of a run", id)
	}
	r := newRun(spool, id, raw, nil)
	defer r.closeSegments()
	r.Seek(stored)
	entries, err := os.ReadDir(filepath.Join(spool, id))
	if err != nil {
		return b, fmt.Errorf("measure run: %w", err)
	}
	for _, e := range entries {
		if lane, shard, number, ok := wire.ParseSegmentName(e.Name()); ok && lane != wire.LaneDefinition {
			r.stream(lane, shard).addNumber(number)
		}
	}
	for _, s := range r.streams {
		n, err := s.backlog()
		if err != nil {
			return b, err
		}
		if s.at.Lane == wire.LaneError {
			b.Error += n
		} else {
			b.Normal += n
		}
	}
	return b, nil
}

// backlog returns the bytes behind the stream's place.
func (s *stream) backlog() (bytes int64, err error) {
	first, _ := slices.BinarySearch(s.numbers, s.at.Segment)
	s.numbers = s.numbers[first:] // those before it are stored and not freed yet
	for i, number := range s.numbers {
		if number != s.at.Segment {
			s.at.Segment, s.at.Offset = number, wire.SegmentHeaderSize
		}
		n, err := s.published(i == len(s.numbers)-1)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errUnborn), errors.Is(err, errHeader):
			// Freed meanwhile, being made, or nothing that will be stored.
		case err != nil:
			return 0, fmt.Errorf("measure segment %s of run %s: %w", s.name(), s.run.id, err)
		}
		bytes += n
	}
	return bytes, nil
}

// published returns the bytes of the segment at s.at from there on: of the newest
// one those of whole records, of another all there are.
func (s *stream) published(newest bool) (bytes int64, err error) {
	g, err := openSegment(s.run.path(s.name()), s.run.identity(s.at))
	if err != nil {
		return 0, err
	}
	defer g.close()
	if !newest {
		return max(int64(g.limit)-int64(s.at.Offset), 0), nil
	}
	for at := s.at.Offset; ; at += uint64(len(g.buf)) {
		if err := g.fill(at); err != nil || len(g.buf) == 0 {
			return int64(at - s.at.Offset), nil // what is damaged is the reader's business
		}
	}
}
