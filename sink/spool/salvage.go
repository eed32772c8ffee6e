package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// What is damaged in a segment is mostly a page or a sector of it, that a power
// cut kept from the disk. The records behind that are good, and a checksum tells
// where the next one begins.

const (
	// maxDamages is how many places of a segment may be damaged before the rest
	// of it is given up.
	maxDamages = 32
	// maxSalvaged bounds the records that are looked for behind a damage, in bytes.
	maxSalvaged = 1 << 20
	// maxSummed is how many bytes of a segment are summed up in that search, as a
	// multiple of its size: what only looks like a record may be large.
	maxSummed = 64
)

// Quarantine keeps a damaged segment in the quarantine folder and goes on: behind
// the damage in the same segment if there are good records, else with the next
// one. It returns the segment's path in quarantine.
func (r *Run) Quarantine(d *Damage) (string, error) {
	path, err := r.keepDamaged(d)
	if err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	s := d.stream
	s.dirty = true
	if s == r.lane {
		r.defs.damaged = true
	}
	if s.damages++; s.open != nil && s.damages <= maxDamages {
		if at := s.open.salvage(d); at != 0 {
			s.at.Offset = at
			return path, nil
		}
	}
	s.skipSegment()
	return path, nil
}

// keepDamaged gives the segment a second name, so that it outlives its first
// one; where the file system knows no second names it is moved.
func (r *Run) keepDamaged(d *Damage) (string, error) {
	path := r.quarantined(d.Segment)
	if d.Again {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	from := r.path(d.Segment)
	err := os.Link(from, path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist): // by a reader before us, which has not come to store that
		there, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if mine, err := os.Lstat(from); err != nil || !os.SameFile(mine, there) {
			return "", fmt.Errorf("%s is in the way: %w", path, fs.ErrExist)
		}
		d.Again = d.stream == r.lane // definitions are read anew by every reader
	default:
		if err := os.Rename(from, path); err != nil {
			return "", err
		}
	}
	d.stream.quarantined = d.stream.at.Segment
	return path, nil
}

// quarantined is where a segment of the run is kept.
func (r *Run) quarantined(segment string) string {
	return filepath.Join(r.spool, QuarantineFolder, r.id+"-"+segment)
}

// salvage returns the offset of the first good record behind a damage, or 0.
func (s *segment) salvage(d *Damage) uint64 {
	defer func() { s.buf = s.buf[:0] }() // it holds what wordAt has read
	if d.framed {
		size, _, _ := wire.SplitWord(s.wordAt(d.Offset), s.turn)
		return d.Offset + uint64(size)
	}
	var record []byte
	for at := d.Offset + wire.RecordAlign; at+wire.MinRecordSize <= s.limit && s.summed < maxSummed*s.limit; at += wire.RecordAlign {
		size, end, published := wire.SplitWord(s.wordAt(at), s.turn)
		if end || !published || size < wire.MinRecordSize || size > maxSalvaged || uint64(size) > s.limit-at {
			continue
		}
		record = slices.Grow(record[:0], size)[:size]
		if n, _ := s.file.ReadAt(record, int64(at)); n == size && wire.Sealed(record, s.turn) {
			return at
		}
		s.summed += uint64(size)
	}
	return 0
}

// wordAt reads the word at an offset, by pages: salvage looks at all of them.
func (s *segment) wordAt(at uint64) uint64 {
	if at < s.at || at+wire.RecordHeaderSize > s.at+uint64(len(s.buf)) {
		s.buf, s.at, s.ends = s.buf[:0], at, false
		if cap(s.buf) < windowSize {
			s.buf = make([]byte, 0, windowSize)
		}
		n, _ := s.file.ReadAt(s.buf[:min(windowSize, s.limit-at)], int64(at))
		s.buf = s.buf[:n]
	}
	if at+wire.RecordHeaderSize > s.at+uint64(len(s.buf)) {
		return 0
	}
	return binary.LittleEndian.Uint64(s.buf[at-s.at:])
}

// keeps tells whether a segment is in quarantine: the writer must not use it again.
func (r *Run) keeps(segment string) bool {
	_, err := os.Lstat(r.quarantined(segment))
	return err == nil
}
