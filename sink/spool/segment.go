package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/monitorgen/monitorgen/internal/wire"
)

const (
	// windowSize is how much of a segment is read at once.
	windowSize = 256 << 10
	// maxRecord bounds one record. Calls are far smaller; the largest are the
	// texts of source files.
	maxRecord = 64 << 20
)

// Damage says that a segment holds what no writer writes. Run.Quarantine keeps
// the segment for whoever wants to look at it, and goes on.
type Damage struct {
	Run     string // id of the run
	Segment string // file name
	Offset  uint64
	Reason  error
	Again   bool // an earlier Damage was of the same segment

	stream *stream
	framed bool // the record's checksum is right: the next one follows it
}

func (d *Damage) Error() string {
	return fmt.Sprintf("damaged segment %s of run %s at byte %d: %v", d.Segment, d.Run, d.Offset, d.Reason)
}

func (d *Damage) Unwrap() error { return d.Reason }

// ErrVersion says that a newer monitorgen wrote the spool; it is left as it is.
var ErrVersion = errors.New("the spool was written by a newer monitorgen")

// errUnborn: the segment's header is not written yet.
var errUnborn = errors.New("its header is empty")

// identity is what a segment's name and folder say about it.
type identity struct {
	run    [16]byte
	lane   wire.Lane
	shard  uint32
	number uint32
}

// segment is one open file of a lane and the window of it that was read last.
type segment struct {
	file  io.ReaderAt
	close func() error
	limit uint64 // no record reaches beyond: the smaller of the file's size and the header's
	turn  uint32 // of the file; a word of another turn is not one
	short bool   // the file is smaller than its header says

	buf  []byte // window[:n] holds whole published records, perhaps an end mark
	at   uint64 // offset of buf[0]
	ends bool   // buf ends with an end mark (not part of it)

	summed uint64 // bytes that salvage has summed up
}

func openSegment(path string, want identity) (*segment, error) {
	// Looked at before it is opened: opening a named pipe would wait for ever.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	s := &segment{file: f, close: f.Close}
	if err := s.readHeader(uint64(info.Size()), want); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// readHeader checks the header; an error that is none of errUnborn, ErrVersion
// and an I/O error is damage and wraps errHeader.
func (s *segment) readHeader(size uint64, want identity) error {
	h := make([]byte, wire.SegmentHeaderSize)
	if n, err := s.file.ReadAt(h, 0); err != nil {
		if err != io.EOF {
			return err
		}
		if allZero(h[:n]) {
			return errUnborn
		}
		return fmt.Errorf("%w: %w", errHeader, errShort)
	}
	if allZero(h) {
		return errUnborn
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }
	if binary.LittleEndian.Uint64(h[wire.SegmentMagicAt:]) != wire.SegmentMagic {
		return fmt.Errorf("%w: wrong magic", errHeader)
	}
	// Before the checksum: another version may have another one.
	if v := u32(wire.SegmentVersionAt); v < wire.OldestVersion || v > wire.Version {
		return fmt.Errorf("%w (format %d, this build reads %d to %d)", ErrVersion, v, wire.OldestVersion, wire.Version)
	}
	if u32(wire.SegmentSumAt) != wire.HeaderSum(h) {
		return fmt.Errorf("%w: wrong checksum", errHeader)
	}
	got := identity{lane: wire.Lane(u32(wire.SegmentLaneAt)), shard: u32(wire.SegmentShardAt), number: u32(wire.SegmentNumberAt)}
	copy(got.run[:], h[wire.SegmentRunAt:])
	if got != want {
		return fmt.Errorf("%w: it belongs elsewhere", errHeader)
	}
	s.turn = u32(wire.SegmentTurnAt)
	s.limit = binary.LittleEndian.Uint64(h[wire.SegmentSizeAt:])
	if s.limit < wire.SegmentHeaderSize {
		return fmt.Errorf("%w: wrong size", errHeader)
	}
	if size < s.limit {
		s.limit, s.short = size, true
	}
	return nil
}

var errHeader = errors.New("bad header")

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// next returns the record at offset at, which stays valid until the next call.
// A nil record means that nothing is published there yet, or, with end, that
// the segment is complete.
func (s *segment) next(at uint64) (record []byte, end bool, err error) {
	if at < s.at || at-s.at >= uint64(len(s.buf)) {
		if s.ends && at == s.at+uint64(len(s.buf)) {
			return nil, true, nil
		}
		if err := s.fill(at); err != nil {
			return nil, false, err
		}
		if len(s.buf) == 0 {
			return nil, s.ends, nil
		}
	}
	b := s.buf[at-s.at:]
	record = b[:wire.WordSize(binary.LittleEndian.Uint64(b))]
	if !wire.Sealed(record, s.turn) {
		return nil, false, errSum
	}
	return record, false, nil
}

var errSum = errors.New("a record with a wrong checksum")

// fill reads the published records from at on. The words are read first, the
// records they publish in a second read: whatever the writer stored before it
// published a word is seen by a read that starts after the word was seen.
func (s *segment) fill(at uint64) error {
	s.buf, s.at, s.ends = s.buf[:0], at, false
	if at+wire.RecordHeaderSize > s.limit {
		if s.short {
			return fmt.Errorf("the file is cut off: %w", errShort)
		}
		s.ends = true // full to the last byte: there is no room for an end mark
		return nil
	}
	if cap(s.buf) < windowSize {
		s.buf = make([]byte, 0, windowSize)
	}
	if err := s.read(at, wire.RecordHeaderSize); err != nil {
		return err
	}
	if _, _, published := s.word(0); !published {
		s.buf = s.buf[:0]
		return nil
	}
	if err := s.read(at, min(windowSize, s.limit-at)); err != nil {
		return err
	}
	extent, ends, err := s.walk(at)
	if extent == 0 && !ends && err == nil {
		size, _, _ := s.word(0) // one record that is larger than the window
		extent = uint64(size)
	}
	// The end mark's word is behind the records it follows.
	if err := s.read(at, min(extent+wire.RecordHeaderSize, s.limit-at)); err != nil {
		return err
	}
	extent, s.ends, err = s.walk(at)
	s.buf = s.buf[:extent]
	if extent > 0 || s.ends {
		return nil // damage behind good records is found when it is their turn
	}
	return err
}

// read fills buf with n bytes at offset at.
func (s *segment) read(at, n uint64) error {
	if uint64(cap(s.buf)) < n {
		s.buf = make([]byte, 0, n)
	}
	s.buf = s.buf[:n]
	got, err := s.file.ReadAt(s.buf, int64(at))
	if uint64(got) < n {
		if err == io.EOF {
			err = fmt.Errorf("the file is cut off: %w", errShort)
		}
		return err
	}
	return nil
}

// word takes apart the word at an offset of buf.
func (s *segment) word(at uint64) (size int, end, published bool) {
	return wire.SplitWord(binary.LittleEndian.Uint64(s.buf[at:]), s.turn)
}

// walk goes over the words in buf, which starts at offset at of the file, and
// returns how many bytes of whole published records there are.
func (s *segment) walk(at uint64) (extent uint64, ends bool, err error) {
	for extent+wire.RecordHeaderSize <= uint64(len(s.buf)) {
		size, end, published := s.word(extent)
		if end || !published {
			return extent, end, nil
		}
		if size < wire.MinRecordSize || size > maxRecord {
			return extent, false, fmt.Errorf("a record of %d bytes", size)
		}
		if uint64(size) > s.limit-at-extent {
			return extent, false, fmt.Errorf("a record of %d bytes beyond the end: %w", size, errShort)
		}
		if extent+uint64(size) > uint64(len(s.buf)) {
			return extent, false, nil
		}
		extent += uint64(size)
	}
	return extent, false, nil
}
