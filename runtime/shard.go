package runtime

import (
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// shard is one sequence of segments of a lane. Goroutines are spread over the
// shards of a lane so that they seldom meet; those that do meet go different ways,
// see lockShard.
type shard struct {
	spool *spool
	lane  wire.Lane
	index uint32

	mu      spinLock
	segment *segment // the current one; nil before the first record
	at      int      // offset of the next record in it
	closed  bool
	retry   int64 // nanotime before which no new segment is tried

	pending        []byte // records of an unbounded lane that the disk had no room for
	pendingRecords uint64
	recovered      uint64 // of those, that are in files since
	records, bytes uint64 // that are in files

	// Under spool.growing:
	number uint32 // of the current segment
	size   int    // of the next segment

	_ [128]byte // the next shard's lock is on another cache line, which are fetched in pairs
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

// append publishes a record. now is the time of nanotime. In most cases it does
// what then is for, see segment.write.
//
//go:norace
func (s *shard) append(record []byte, now int64, then *showing) outcome {
	s.mu.Lock()
	return s.appendLocked(record, now, then)
}

// appendLocked is append while mu is held, and lets mu go.
//
//go:norace
func (s *shard) appendLocked(record []byte, now int64, then *showing) outcome {
	switch {
	case s.closed:
		s.mu.Unlock()
		return closed
	case s.put(record, then):
		s.mu.Unlock()
		return stored
	case now < s.retry:
		s.mu.Unlock()
		return s.refuse(record)
	}
	s.mu.Unlock()
	result := s.grow(record, 0)
	s.spool.reportNews(now)
	return result
}

// put writes a record into the current segment if it fits. mu is held.
//
//go:norace
func (s *shard) put(record []byte, then *showing) bool {
	to := s.at + len(record) + endSize
	if s.segment == nil || to > s.segment.size {
		return false
	}
	if to > s.segment.ready {
		s.segment.prepare(to)
	}
	if !s.segment.write(s.at, record, then) {
		return false
	}
	s.at += len(record)
	s.records++
	s.bytes += uint64(len(record))
	return true
}

// refuse decides on a record for which there is no segment.
//
//go:norace
func (s *shard) refuse(record []byte) outcome {
	switch s.lane {
	case wire.LaneNormal:
		return full
	case wire.LaneDefinition:
		return lost
	}
	for i := range s.spool.errors {
		if other := &s.spool.errors[i]; other != s && other.takes(record) {
			return stored
		}
	}
	if wire.Kind(record[wire.RecordKindAt]) != wire.KindCall {
		return lost // what it counts stays counted where it came from
	}
	s.mu.Lock()
	result := s.remember(record)
	s.mu.Unlock()
	return result
}

// takes publishes a record of another shard if there is room for it.
//
//go:norace
func (s *shard) takes(record []byte) bool {
	s.mu.Lock()
	done := !s.closed && s.put(record, nil)
	s.mu.Unlock()
	return done
}

// remember keeps a failed call in memory, in the hope for room. mu is held.
//
//go:norace
func (s *shard) remember(record []byte) outcome {
	switch {
	case s.closed:
		return closed
	case s.put(record, nil):
		return stored
	case len(s.pending)+len(record) > maxPending:
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

// grow makes the next segment and publishes the record there, unless it is nil,
// and least bytes of what waits in memory or more. Others wait for it without
// holding mu, so that what fits in the old segment still gets in.
//
//go:norace
//go:noinline
func (s *shard) grow(record []byte, least int) outcome {
	raceLoud()
	s.spool.growing.Lock()
	raceQuiet()
	defer func() {
		raceLoud()
		s.spool.growing.Unlock()
		raceQuiet()
	}()

	s.mu.Lock()
	done, ended, room := record != nil && s.put(record, nil), s.closed, len(record)+len(s.pending)
	s.mu.Unlock()
	if done {
		return stored
	}
	if ended {
		return closed
	}

	raceLoud()
	next := s.nextSegment(least+len(record), room)
	raceQuiet()

	s.mu.Lock()
	var old *segment
	if next != nil {
		old = s.change(next)
	} else {
		s.retry = nanotime() + retryAfter
	}
	done = record == nil || s.put(record, nil)
	s.mu.Unlock()
	switch {
	case old == nil:
	case s.lane == wire.LaneDefinition:
		old.release()
	default:
		s.spool.retire(old)
	}
	if next != nil && s.lane != wire.LaneNormal {
		raceLoud()
		s.spool.fillReserve(s.size)
		raceQuiet()
	}
	if done {
		return stored
	}
	return s.refuse(record)
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
	s.recall()
	return old
}

// recall writes what waits in memory into the current segment, as far as it has
// room. mu is held.
//
//go:norace
func (s *shard) recall() {
	for len(s.pending) > 0 {
		size := recordSize(s.pending)
		if !s.put(s.pending[:size], nil) {
			return
		}
		s.pending, s.pendingRecords = s.pending[size:], s.pendingRecords-1
		s.recovered++
	}
	s.pending = nil
}

// flush tries to get pending records into a file.
//
//go:norace
func (s *shard) flush() bool {
	for before := uint64(0); ; {
		s.mu.Lock()
		s.recall()
		left, least := s.pendingRecords, 0
		if left > 0 {
			least = recordSize(s.pending)
		}
		s.mu.Unlock()
		if left == 0 || left == before {
			return left == 0
		}
		before = left
		s.grow(nil, least)
	}
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

// count adds what the shard holds to the statistics of its lane.
//
//go:norace
func (s *shard) count(st *LaneStatistics) {
	s.mu.Lock()
	st.Enqueued += s.records
	st.Bytes += s.bytes
	st.Recovered += s.recovered
	st.Pending += s.pendingRecords
	s.mu.Unlock()
}
