package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// stream follows the segments of one lane and shard.
type stream struct {
	run       *Run
	at        Position // of the next record
	committed Position // Segment 0: nothing is
	started   bool     // at names a segment
	dirty     bool     // at has moved since it was committed
	numbers   []uint32 // segments that the last Poll saw, ascending
	open      *segment // the segment at names, when it is open

	quarantined uint32 // the segment that was quarantined last
	damages     int    // found in the segment at names
}

func newStream(r *Run, lane wire.Lane, shard uint32) *stream {
	at := Position{Lane: lane, Shard: shard}
	return &stream{run: r, at: at, committed: at}
}

func (s *stream) addNumber(n uint32) {
	if i, found := slices.BinarySearch(s.numbers, n); !found {
		s.numbers = slices.Insert(s.numbers, i, n)
	}
}

// next returns the record at s.at, valid until the next call, without going
// past it. It returns io.EOF when none is published.
func (s *stream) next() ([]byte, error) {
	for {
		if s.open == nil {
			if err := s.openNext(); err != nil {
				return nil, err
			}
		}
		record, end, err := s.open.next(s.at.Offset)
		var ioErr *fs.PathError
		switch {
		case errors.As(err, &ioErr):
			return nil, fmt.Errorf("read segment: %w", err)
		case err != nil:
			return nil, s.damage(s.at.Offset, err)
		case record != nil:
			return record, nil
		case end:
			s.skipSegment()
		case s.run.alive || !s.skipGap():
			return nil, io.EOF
		}
		s.dirty = true
	}
}

// openNext opens the segment at s.at, or the first one after it that exists.
func (s *stream) openNext() error {
	if !s.started {
		if len(s.numbers) == 0 {
			return io.EOF
		}
		s.moveTo(s.numbers[0])
	}
	for {
		if s != s.run.lane && !s.seen(s.at.Segment) {
			return io.EOF
		}
		open, err := openSegment(s.run.path(s.name()), s.run.identity(s.at))
		if err == nil {
			s.open = open
			return nil
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errUnborn) && !s.run.alive:
			// The process died before it wrote anything there.
		case errors.Is(err, errUnborn) || errors.Is(err, errHeader) && s.run.alive:
			return io.EOF // being made
		case errors.Is(err, errHeader):
			return s.damage(0, err)
		default:
			return fmt.Errorf("open segment %s of run %s: %w", s.name(), s.run.id, err)
		}
		if !s.skipGap() {
			return io.EOF
		}
	}
}

// seen reports whether the last Poll saw the segment, or one after it. Those
// that come later wait for the next Poll: a process that writes faster than it
// is read must not keep the reader from all others.
func (s *stream) seen(segment uint32) bool {
	return len(s.numbers) > 0 && segment <= s.numbers[len(s.numbers)-1]
}

// skipGap goes on to the next segment that Poll saw, when there is one. It is for
// a segment that will not come any more, since the writer makes them in order,
// and for one that a dead writer left without an end mark.
func (s *stream) skipGap() bool {
	for _, n := range s.numbers {
		if n > s.at.Segment {
			s.moveTo(n)
			return true
		}
	}
	return false
}

func (s *stream) moveTo(segment uint32) {
	s.closeSegment()
	s.at.Segment, s.at.Offset, s.started, s.damages = segment, wire.SegmentHeaderSize, true, 0
}

// skipSegment goes on behind the segment at s.at.
func (s *stream) skipSegment() { s.moveTo(s.at.Segment + 1) }

func (s *stream) closeSegment() {
	if s.open != nil {
		s.open.close()
		s.open = nil
	}
}

func (s *stream) name() string { return wire.SegmentName(s.at.Lane, s.at.Shard, s.at.Segment) }

func (s *stream) damage(offset uint64, reason error) *Damage {
	return &Damage{Run: s.run.id, Segment: s.name(), Offset: offset, Reason: reason, Again: s.quarantined == s.at.Segment, stream: s}
}

// damagedRecord is damage of a record whose checksum is right.
func (s *stream) damagedRecord(reason error) error {
	return &Damage{Run: s.run.id, Segment: s.name(), Offset: s.at.Offset, Reason: reason, Again: s.quarantined == s.at.Segment, stream: s, framed: true}
}

// freeable is the segment before which all are stored.
func (s *stream) freeable() uint32 {
	if share := s.run.share; share != nil {
		return share.stored(streamID{s.at.Lane, s.at.Shard})
	}
	return s.committed.Segment
}

// freeRead gives the segments before the committed one back to the writer, or
// deletes them if it is gone; also those that a reader before us has committed
// and not freed.
func (s *stream) freeRead() error {
	for before := s.freeable(); len(s.numbers) > 0 && s.numbers[0] < before; {
		name := wire.SegmentName(s.at.Lane, s.at.Shard, s.numbers[0])
		path := s.run.path(name)
		var err error
		if s.run.alive && s != s.run.lane && !s.run.keeps(name) {
			err = os.Rename(path, s.run.path(wire.FreeName(s.at.Lane, s.at.Shard, s.numbers[0])))
		} else {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("free segment: %w", err)
		}
		s.numbers = s.numbers[1:]
	}
	return nil
}

func (s *stream) removeAll() error {
	s.closeSegment()
	for len(s.numbers) > 0 {
		path := s.run.path(wire.SegmentName(s.at.Lane, s.at.Shard, s.numbers[0]))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete segment: %w", err)
		}
		s.numbers = s.numbers[1:]
	}
	return nil
}
