//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package runtime

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// segment is a file that is written by system calls, on platforms where the
// standard library maps no memory.
type segment struct {
	path  string
	file  *os.File
	size  int
	ready int
}

// recyclable tells whether segments can be used again: a file that is open
// cannot be renamed everywhere.
const recyclable = false

func (s *segment) renew(segmentHeader) bool { return false }

func (s *segment) prepare(int) {}

// newSegment makes a segment that nobody has seen before.
func newSegment(path string, size int, header []byte) (*segment, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = file.Truncate(int64(size))
	if err == nil {
		_, err = file.WriteAt(header, 0)
	}
	if err != nil {
		file.Close()
		os.Remove(path)
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return &segment{path: path, file: file, size: size, ready: size}, nil
}

// write stores a record, its first word in a second system call, which
// publishes it.
func (s *segment) write(at int, record []byte, _ *showing) bool {
	wire.Seal(record, 0)
	if _, err := s.file.WriteAt(record[wire.RecordHeaderSize:], int64(at+wire.RecordHeaderSize)); err != nil {
		return false
	}
	_, err := s.file.WriteAt(record[:wire.RecordHeaderSize], int64(at))
	return err == nil
}

// end marks the segment as complete.
func (s *segment) end(at int) bool {
	var mark [wire.RecordHeaderSize]byte
	binary.LittleEndian.PutUint64(mark[:], wire.EndWord())
	_, err := s.file.WriteAt(mark[:], int64(at))
	return err == nil
}

func (s *segment) release() { s.file.Close() }

// lock is a file that is open for as long as the process records. Nobody else
// can tell by it whether the process lives: the standard library has no lock
// for this platform.
type lock struct{ file *os.File }

func takeLock(path string) (lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return lock{file}, err
}

func (l lock) release() { l.file.Close() }
