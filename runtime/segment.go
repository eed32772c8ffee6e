package runtime

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/internal/wire"
)

const pageSize = 4096

// nextSegment makes the segment after the current one, with room for at least
// room bytes of records. It returns nil when the lane's bound or the disk does
// not allow it. spool.growing is held.
func (s *shard) nextSegment(room int) *segment {
	size := s.size
	if need := wire.SegmentHeaderSize + room + endSize; need > size {
		size = (need + pageSize - 1) / pageSize * pageSize
	}
	if s.lane == wire.LaneNormal {
		used, own, err := s.spool.undrained(s.index)
		if err != nil {
			s.spool.complain(err)
			return nil
		}
		// A drainer deletes a segment only when there is a next one: with a
		// single segment the shard has to go on, or it never would.
		if own > 1 && used+int64(size) > s.spool.max {
			return nil
		}
	}
	number := s.number + 1
	path := filepath.Join(s.spool.dir, wire.SegmentName(s.lane, s.index, number))
	next, err := newSegment(path, size, segmentHeader(s.spool.run, s.lane, s.index, number, size))
	if err != nil {
		s.spool.complain(err)
		return nil
	}
	s.number = number
	if largest := s.largest(); s.size < largest {
		if s.size *= 2; s.size > largest {
			s.size = largest
		}
	}
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

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func segmentHeader(run [16]byte, lane wire.Lane, shard, number uint32, size int) []byte {
	h := make([]byte, wire.SegmentHeaderSize)
	binary.LittleEndian.PutUint64(h[wire.SegmentMagicAt:], wire.SegmentMagic)
	binary.LittleEndian.PutUint32(h[wire.SegmentVersionAt:], wire.Version)
	binary.LittleEndian.PutUint32(h[wire.SegmentLaneAt:], uint32(lane))
	binary.LittleEndian.PutUint32(h[wire.SegmentShardAt:], shard)
	binary.LittleEndian.PutUint32(h[wire.SegmentNumberAt:], number)
	binary.LittleEndian.PutUint64(h[wire.SegmentSizeAt:], uint64(size))
	copy(h[wire.SegmentRunAt:], run[:])
	binary.LittleEndian.PutUint32(h[wire.SegmentSumAt:], crc32.Checksum(h[:wire.SegmentSumAt], castagnoli))
	return h
}

// recordSize is the size that the first word of a record gives.
//
//go:norace
func recordSize(record []byte) int {
	return int(binary.LittleEndian.Uint32(record[wire.RecordSizeAt:]))
}
