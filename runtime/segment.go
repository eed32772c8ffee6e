package runtime

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/internal/wire"
)

const pageSize = 4096

// nextSegment makes the segment after the current one, with room for least bytes
// of records and, if it can be, for room. It returns nil when the lane's bound or
// the disk does not allow it. spool.growing is held.
func (s *shard) nextSegment(least, room int) *segment {
	size, need := segmentSize(s.size, room), wire.SegmentHeaderSize+least+endSize
	recount()
	there, err := s.spool.list()
	if err != nil {
		s.spool.become(remembers, err)
		return nil
	}
	if s.lane == wire.LaneNormal {
		used, own := there.normal(s.index)
		used += int64(size)
		s.spool.fill.filled(used, s.spool.max)
		// A drainer frees a segment only when there is a next one: with a
		// single segment the shard has to go on, or it never would.
		if own > 1 && used > s.spool.max {
			return nil
		}
	}
	header := segmentHeader{run: s.spool.run, lane: s.lane, shard: s.index, number: s.number + 1}
	path := filepath.Join(s.spool.dir, wire.SegmentName(s.lane, s.index, header.number))
	next := s.spool.recycle(there, path, need, header)
	if next == nil {
		header.size = size
		next, err = newSegment(path, size, header.bytes())
		if err == nil {
			s.spool.become(writable, nil)
		} else if next = s.forcedSegment(path, least, header); next == nil {
			s.spool.become(remembers, err)
			return nil
		}
	}
	s.number = header.number
	if largest := s.largest(); s.size < largest {
		if s.size *= 2; s.size > largest {
			s.size = largest
		}
	}
	return next
}

// segmentSize is the size of a file with room for so many bytes of records.
func segmentSize(size, room int) int {
	if need := wire.SegmentHeaderSize + room + endSize; need > size {
		return (need + pageSize - 1) / pageSize * pageSize
	}
	return size
}

// forcedSegment is for a lane that is not bounded on a disk that is full: a
// segment that was made ahead, or one as small as can be.
func (s *shard) forcedSegment(path string, least int, header segmentHeader) *segment {
	if s.lane == wire.LaneNormal {
		return nil
	}
	if next := s.spool.takeReserve(path, wire.SegmentHeaderSize+least+endSize, header); next != nil {
		return next
	}
	header.size = segmentSize(smallestSegment, least)
	next, _ := newSegment(path, header.size, header.bytes())
	return next
}

// syncSegment writes a segment to the disk. One that a drainer has deleted needs
// it no more.
func syncSegment(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// segmentHeader is what a segment's header says.
type segmentHeader struct {
	run           [16]byte
	lane          wire.Lane
	shard, number uint32
	size          int
	turn          uint32
}

func (sh segmentHeader) bytes() []byte {
	h := make([]byte, wire.SegmentHeaderSize)
	binary.LittleEndian.PutUint64(h[wire.SegmentMagicAt:], wire.SegmentMagic)
	binary.LittleEndian.PutUint32(h[wire.SegmentVersionAt:], wire.Version)
	binary.LittleEndian.PutUint32(h[wire.SegmentLaneAt:], uint32(sh.lane))
	binary.LittleEndian.PutUint32(h[wire.SegmentShardAt:], sh.shard)
	binary.LittleEndian.PutUint32(h[wire.SegmentNumberAt:], sh.number)
	binary.LittleEndian.PutUint64(h[wire.SegmentSizeAt:], uint64(sh.size))
	copy(h[wire.SegmentRunAt:], sh.run[:])
	binary.LittleEndian.PutUint32(h[wire.SegmentTurnAt:], sh.turn)
	binary.LittleEndian.PutUint32(h[wire.SegmentSumAt:], wire.HeaderSum(h))
	return h
}

// recordSize is the size that the first word of a record gives.
//
//go:norace
func recordSize(record []byte) int {
	return wire.WordSize(binary.LittleEndian.Uint64(record))
}
