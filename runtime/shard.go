package runtime

import (
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// shard is one sequence of segments of a lane. Goroutines are spread over the
// shards of a lane so that they seldom meet.
type shard struct {
	spool *spool
	lane  wire.Lane
	index uint32

	mu      sync.Mutex
	segment *segment // the current one; nil before the first record
	at      int      // offset of the next record in it
	closed  bool
	retry   int64 // nanotime before which no new segment is tried

	pending        []byte // records of an unbounded lane that the disk had no room for
	pendingRecords uint64
	records, bytes uint64 // that are in files

	// Under spool.growing:
	number uint32 // of the current segment
	size   int    // of the next segment

	_ [64]byte // the next shard's lock is on another cache line
}

// outcome is what became of a record.
type outcome int

const (
	stored outcome = iota // it is in the file, or pending in memory
	full                  // the bounded lane is full
	closed                // the spool is closed
	lost                  // neither the disk nor memory took it
)

// endSize is kept free at the end of every segment for its end mark.
const endSize = wire.RecordHeaderSize

const (
	smallestSegment   = 64 << 10
	firstSegment      = 1 << 20
	largestSegment    = 4 << 20
	definitionSegment = 256 << 10
	maxPending        = 4 << 20
)

// retryAfter is how long a full lane, or a full disk, is left alone.
const retryAfter = 5 * int64(time.Millisecond)

func (s *shard) init(sp *spool, lane wire.Lane, index int) {
	s.spool, s.lane, s.index = sp, lane, uint32(index)
	switch lane {
	case wire.LaneNormal:
		s.size = firstSegment
		if limit := s.largest(); s.size > limit {
			s.size = limit
		}
	default:
		s.size = definitionSegment
	}
}

// largest is the size up to which the shard's segments grow: the lane's bound
// leaves room for several of each shard.
func (s *shard) largest() int {
	limit := int64(largestSegment)
	if s.lane == wire.LaneNormal {
		if share := s.spool.max / int64(4*len(s.spool.normal)) / pageSize * pageSize; share < limit {
			limit = share
		}
	}
	if limit < smallestSegment {
		limit = smallestSegment
	}
	return int(limit)
}

// append publishes a record. now is the time of nanotime.
//
//go:norace
func (s *shard) append(record []byte, now int64) outcome {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return closed
	case s.put(record):
		s.mu.Unlock()
		return stored
	case now < s.retry:
		result := s.refuse(record)
		s.mu.Unlock()
		return result
	}
	s.mu.Unlock()
	return s.grow(record)
}

// put writes a record into the current segment if it fits. mu is held.
//
//go:norace
func (s *shard) put(record []byte) bool {
	if s.segment == nil || s.at+len(record)+endSize > s.segment.size || !s.segment.write(s.at, record) {
		return false
	}
	s.at += len(record)
	s.records++
	s.bytes += uint64(len(record))
	return true
}

// refuse decides on a record for which there is no segment. mu is held.
//
//go:norace
func (s *shard) refuse(record []byte) outcome {
	switch {
	case s.lane == wire.LaneNormal:
		return full
	case s.lane == wire.LaneDefinition || len(s.pending)+len(record) > maxPending:
		return lost
	}
	n := len(s.pending)
	if n+len(record) > cap(s.pending) {
		grown := make([]byte, n, 2*(n+len(record)))
		copyBytes(grown, s.pending)
		s.pending = grown
	}
	s.pending = s.pending[:n+len(record)]
	copyBytes(s.pending[n:], record)
	s.pendingRecords++
	return stored
}

// grow makes the next segment and publishes the record there. Others wait for
// it without holding mu, so that what fits in the old segment still gets in.
//
//go:norace
//go:noinline
func (s *shard) grow(record []byte) outcome {
	raceLoud()
	s.spool.growing.Lock()
	raceQuiet()
	defer func() {
		raceLoud()
		s.spool.growing.Unlock()
		raceQuiet()
	}()

	s.mu.Lock()
	done, ended, room := s.put(record), s.closed, len(record)+len(s.pending)
	s.mu.Unlock()
	if done {
		return stored
	}
	if ended {
		return closed
	}

	raceLoud()
	next := s.nextSegment(room)
	raceQuiet()

	s.mu.Lock()
	var old *segment
	result := stored
	if next != nil {
		old = s.change(next)
	} else {
		s.retry = nanotime() + retryAfter
	}
	if !s.put(record) {
		result = s.refuse(record)
	}
	s.mu.Unlock()
	switch {
	case old == nil:
	case s.lane == wire.LaneDefinition:
		old.release()
	default:
		s.spool.retire(old)
	}
	return result
}

// change goes on to the next segment and takes along what was pending. mu is held.
//
//go:norace
func (s *shard) change(next *segment) (old *segment) {
	old = s.segment
	if old != nil {
		old.end(s.at)
	}
	s.segment, s.at, s.retry = next, wire.SegmentHeaderSize, 0
	for len(s.pending) > 0 {
		size := recordSize(s.pending)
		if !s.put(s.pending[:size]) {
			return old // more came in the meantime than there is room for
		}
		s.pending, s.pendingRecords = s.pending[size:], s.pendingRecords-1
	}
	s.pending = nil
	return old
}

// flush tries to get pending records into a file.
//
//go:norace
func (s *shard) flush() bool {
	s.mu.Lock()
	pending := s.pending
	s.pending, s.pendingRecords, s.retry = nil, 0, 0
	s.mu.Unlock()
	for len(pending) > 0 {
		size := recordSize(pending)
		s.append(pending[:size], nanotime())
		pending = pending[size:]
	}
	s.mu.Lock()
	none := len(s.pending) == 0
	s.mu.Unlock()
	return none
}

//go:norace
func (s *shard) close() {
	s.mu.Lock()
	s.closed = true
	old := s.segment
	s.segment = nil
	s.mu.Unlock()
	if old != nil {
		old.release()
	}
}

// sync writes the current segment to the disk.
//
//go:norace
func (s *shard) sync() error {
	s.mu.Lock()
	current := s.segment
	s.mu.Unlock()
	if current == nil {
		return nil
	}
	return syncSegment(current.path)
}

//go:norace
func (s *shard) count() (records, bytes, pending uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records, s.bytes, s.pendingRecords
}
