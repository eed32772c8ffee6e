//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package runtime

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// segment is a file that is mapped into memory: what is stored there belongs to
// the kernel, whatever becomes of the process. The file's blocks are allocated
// before it is mapped, since a store into a hole of a file on a full disk kills
// the process.
type segment struct {
	path string
	mem  []byte
	size int
	turn uint32 // how often the file was used before

	turnWord uint64 // the turn as it stands in a word
	ready    int    // up to here pages are in memory, see prepare
}

// recyclable tells whether segments can be used again.
const recyclable = true

// newSegment makes a segment that nobody has seen before. Without a header it is
// a spare one.
func newSegment(path string, size int, header []byte) (*segment, error) {
	fd, err := openNew(path)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	mem, err := mapFile(fd, size, header)
	if err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return &segment{path: path, mem: mem, size: size}, nil
}

// mapFile gives the file its blocks and its header, the latter in one system
// call: a reader sees none of it or all.
func mapFile(fd, size int, header []byte) ([]byte, error) {
	if err := allocate(fd, size); err != nil {
		return nil, fmt.Errorf("allocate %d bytes: %w", size, err)
	}
	if len(header) > 0 {
		if _, err := syscall.Pwrite(fd, header, 0); err != nil {
			return nil, fmt.Errorf("write the header: %w", err)
		}
	}
	mem, err := syscall.Mmap(fd, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return mem, nil
}

// openNew makes a file that must not exist, by a descriptor that no finalizer
// closes and no child inherits.
func openNew(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
		if err == nil {
			return fd, nil
		}
		if err != syscall.EINTR {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// fillZeros gives a file its blocks by writing them.
func fillZeros(fd, size int) error {
	zeros := make([]byte, 64<<10)
	for at := 0; at < size; {
		if left := size - at; left < len(zeros) {
			zeros = zeros[:left]
		}
		n, err := syscall.Pwrite(fd, zeros, int64(at))
		if err != nil && err != syscall.EINTR {
			return err
		}
		if n > 0 {
			at += n
		}
	}
	return nil
}

// write stores a record: its first word last and atomically, which publishes
// it; the word behind it first, as zero, so that what an earlier turn left
// there is not taken for a record. It returns false when the file has become
// smaller than its mapping, or the disk failed; the process would die of either.
//
// Behind it, and under the same guard, then says that the call is not open any
// more, unless it is nil. Where that fails, then says what it said.
//
// The record itself stays as it is: a store into what is about to be read in
// larger pieces would hold the processor up.
//
//go:norace
func (s *segment) write(at int, record []byte, then *showing) (ok bool) {
	before, whole := debug.SetPanicOnFault(true), false
	defer func() {
		debug.SetPanicOnFault(before)
		if !whole {
			recover()
		}
	}()
	sum := wire.RecordSum(binary.LittleEndian.Uint64(record)|wire.TurnWord(s.turn), record, s.turn)
	copyBytes(s.mem[at+sumEnd:], record[sumEnd:])
	binary.LittleEndian.PutUint32(s.mem[at+wire.RecordSumAt:], sum)
	if next := at + len(record); next < s.size {
		*(*uint64)(unsafe.Pointer(&s.mem[next])) = 0
	}
	publishWord((*uint64)(unsafe.Pointer(&s.mem[at])), binary.NativeEndian.Uint64(record)|s.turnWord)
	ok = true
	if then != nil {
		publishWord((*uint64)(then.slot), nativeWord(then.next))
		then.said = then.next
	}
	whole = true
	return ok
}

// sumEnd is where the checksum of a record ends.
const sumEnd = wire.RecordSumAt + 4

// end marks the segment as complete.
//
//go:norace
func (s *segment) end(at int) (ok bool) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if !ok {
			recover()
		}
	}()
	publishWord((*uint64)(unsafe.Pointer(&s.mem[at])), nativeWord(wire.EndWord())|s.turnWord)
	return true
}

// nativeWord turns a word into the number whose bytes, on this machine, are its own.
//
//go:norace
func nativeWord(word uint64) uint64 {
	if bigEndian {
		return bits.ReverseBytes64(word)
	}
	return word
}

// bigEndian tells how this machine stores numbers. It is not written again.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// step is how many bytes of a new segment are brought into memory at once. The
// kernel takes 20 to 50 microseconds for it; page by page, as stores meet them,
// the same pages take half as much again, and a whole segment of 4 MiB at once
// would hold its caller up for milliseconds.
const step = 64 << 10

// prepare brings the pages up to an offset into memory.
//
//go:norace
func (s *segment) prepare(to int) {
	for s.ready < to && s.ready < s.size {
		from := s.ready
		if s.ready += step; s.ready > s.size {
			s.ready = s.size
		}
		populate(s.mem[from:s.ready])
	}
}

// renew begins the next turn of a segment that no reader looks at.
func (s *segment) renew(header segmentHeader) (ok bool) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if !ok {
			recover()
		}
	}()
	s.turn++
	s.turnWord = nativeWord(wire.TurnWord(s.turn))
	header.turn, header.size = s.turn, s.size
	copy(s.mem[wire.SegmentHeaderSize:], make([]byte, wire.RecordHeaderSize))
	copy(s.mem, header.bytes())
	return true
}

// release gives the mapping back; the file stays.
func (s *segment) release() { syscall.Munmap(s.mem) }

// lock is the descriptor of a locked file.
type lock int

func takeLock(path string) (lock, error) {
	fd, err := openNew(path)
	if err != nil {
		return 0, err
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		syscall.Close(fd)
		return 0, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return lock(fd), nil
}

func (l lock) release() { syscall.Close(int(l)) }
