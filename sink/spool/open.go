package spool

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// OpenCalls are the calls of a run that have not ended.
type OpenCalls struct {
	// Calls are those of one goroutine after those of the other, outermost first.
	// They have neither duration, results nor exception. With wire.FlagCut, the
	// last arguments are not known.
	Calls []Call
	// Deeper is how many more are open, further in than those of their goroutine.
	Deeper int
	// Unshown is how many goroutines the run had no room for.
	Unshown int
	// Damaged is how many files or goroutines made no sense.
	Damaged int
	// Seen is the last time at which the process is known to have lived, wall
	// clock in nanoseconds since 1970 UTC, and By says what it is known by. They
	// are for a process that has ended: how long its calls had been open at least.
	Seen int64
	By   Sign
}

// Sign is a sign of life of a process.
type Sign string

// The signs of life.
const (
	SignCall   Sign = "call"    // the start of the last call
	SignFile   Sign = "file"    // the time of a file that it wrote
	SignRecord Sign = "record"  // the end of the last call that was recorded
	SignReader Sign = "drainer" // a drainer saw it alive
)

// SeenAt takes in another sign of life.
func (o *OpenCalls) SeenAt(at int64, by Sign) {
	if at > o.Seen {
		o.Seen, o.By = at, by
	}
}

// ReadOpen reads the open calls of a run without its drain lock, and who it is.
// The error wraps fs.ErrNotExist when the run is removed meanwhile.
func ReadOpen(spool, id string) (*OpenCalls, Info, error) {
	raw, ok := parseID(id)
	if !ok {
		return nil, Info{}, fmt.Errorf("read run %q: not the id of a run", id)
	}
	r := newRun(spool, id, raw, nil)
	defer r.closeSegments()
	if _, err := r.Alive(); err != nil {
		return nil, Info{}, err
	}
	if err := r.Poll(); err != nil {
		return nil, Info{}, err
	}
	open, err := r.OpenCalls()
	return open, r.defs.info, err
}

// OpenRun is a process that lives, and the calls that it has open.
type OpenRun struct {
	Info Info
	Open *OpenCalls
}

// OpenNow reads the open calls of all living processes that record into a spool
// folder, the earliest process first. It takes no drain lock and writes nothing.
// Processes that end meanwhile are left out; the error joins those of runs that
// cannot be read, the others are returned.
//
// It reads some 300 KiB a process, and more for one with more than 32 goroutines
// in recorded calls.
func OpenNow(folder string) ([]OpenRun, error) {
	ids, err := List(folder)
	if err != nil {
		return nil, err
	}
	var runs []OpenRun
	var failed []error
	for _, id := range ids {
		if alive, err := Alive(folder, id); err != nil || !alive {
			failed = append(failed, err)
			continue
		}
		open, info, err := ReadOpen(folder, id)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			failed = append(failed, err)
		default:
			runs = append(runs, OpenRun{Info: info, Open: open})
		}
	}
	slices.SortFunc(runs, func(a, b OpenRun) int { return cmp.Compare(a.Info.Start, b.Info.Start) })
	return runs, errors.Join(failed...)
}

// ReadFunctions reads, without the drain lock of a run, who it is and the recorded
// functions of the packages that it has called so far, in no order; of damaged
// definitions what comes before the damage. The error wraps fs.ErrNotExist when
// the run is removed meanwhile.
func ReadFunctions(spool, id string) ([]*Function, Info, error) {
	raw, ok := parseID(id)
	if !ok {
		return nil, Info{}, fmt.Errorf("read run %q: not the id of a run", id)
	}
	r := newRun(spool, id, raw, nil)
	defer r.closeSegments()
	var damage *Damage
	if err := r.Poll(); err != nil && !errors.As(err, &damage) {
		return nil, Info{}, err
	}
	var all []*Function
	for _, p := range r.defs.packages {
		for i := range p.Functions {
			f := &p.Functions[i]
			all = append(all, newFunction(p, f, f.Source, f.Line))
		}
	}
	return all, r.defs.info, nil
}

// OpenCalls returns the calls that are open now, or, when Alive was false, those
// that were when the process ended. Among the latter can be one that has a
// record. It comes after a Poll.
func (r *Run) OpenCalls() (*OpenCalls, error) {
	entries, err := os.ReadDir(r.path(""))
	if err != nil {
		return nil, fmt.Errorf("read open calls: %w", err)
	}
	all, now := &OpenCalls{}, time.Now().UnixNano()
	for _, e := range entries {
		if info, err := e.Info(); err == nil && writersFile(e.Name()) {
			all.SeenAt(min(info.ModTime().UnixNano(), now), SignFile)
		}
	}
	for _, e := range entries {
		number, ok := wire.ParseOpenName(e.Name())
		if !ok {
			continue
		}
		if err := r.readOpenFile(e.Name(), number, all); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read open calls of run %s: %s: %w", r.id, e.Name(), err)
		}
	}
	for i := range all.Calls {
		all.SeenAt(min(all.Calls[i].Start, now), SignCall)
	}
	return all, nil
}

// writersFile tells the files of a run that its process alone writes.
func writersFile(name string) bool {
	return slices.Contains([]string{wire.SegmentSuffix, wire.FreeSuffix, wire.OpenSuffix}, filepath.Ext(name))
}

// readOpenFile adds what one file shows.
func (r *Run) readOpenFile(name string, number uint32, all *OpenCalls) error {
	path := r.path(name)
	if info, err := os.Lstat(path); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	slots, unshown, err := readOpenHeader(f, r.raw, number)
	switch {
	case errors.Is(err, errUnborn):
		return nil
	case errors.Is(err, errHeader):
		all.Damaged++
		return nil
	case err != nil:
		return err
	}
	all.Unshown += unshown
	slot := slotReader{file: f, live: r.alive, first: make([]byte, wire.OpenSlotSize), again: make([]byte, wire.OpenSlotSize)}
	for n := range slots {
		err := slot.read(int64(wire.OpenSlotsAt) + int64(n)*wire.OpenSlotSize)
		if err == io.EOF {
			all.Damaged++ // cut off
			break
		}
		if err != nil {
			return err
		}
		if err := r.addOpen(&slot, all); err != nil {
			all.Damaged++
		}
	}
	return nil
}

// maxOpenSlots bounds the slots that a file may say it has.
const maxOpenSlots = 1 << 16

// readOpenHeader returns how many slots the file has, and how many goroutines
// found none. Errors are as those of readHeader.
func readOpenHeader(f io.ReaderAt, run [16]byte, number uint32) (slots, unshown int, err error) {
	h := make([]byte, wire.OpenHeaderSize)
	if n, err := f.ReadAt(h, 0); err != nil && err != io.EOF {
		return 0, 0, err
	} else if allZero(h[:n]) {
		return 0, 0, errUnborn
	} else if n < len(h) {
		return 0, 0, fmt.Errorf("%w: %w", errHeader, errShort)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }
	if binary.LittleEndian.Uint64(h[wire.OpenMagicAt:]) != wire.OpenMagic {
		return 0, 0, fmt.Errorf("%w: wrong magic", errHeader)
	}
	if v := u32(wire.OpenVersionAt); v != wire.OpenVersion {
		return 0, 0, fmt.Errorf("%w (open calls of format %d, this build reads %d)", ErrVersion, v, wire.OpenVersion)
	}
	count := u32(wire.OpenCountAt)
	switch {
	case u32(wire.OpenSumAt) != wire.OpenSum(h):
		return 0, 0, fmt.Errorf("%w: wrong checksum", errHeader)
	case !bytes.Equal(h[wire.OpenRunAt:][:len(run)], run[:]) || u32(wire.OpenNumberAt) != number:
		return 0, 0, fmt.Errorf("%w: it belongs elsewhere", errHeader)
	case u32(wire.OpenSlotSizeAt) != wire.OpenSlotSize || count > maxOpenSlots:
		return 0, 0, fmt.Errorf("%w: wrong size", errHeader)
	}
	return int(count), int(min(binary.LittleEndian.Uint64(h[wire.OpenUnshownAt:]), math.MaxInt32)), nil
}

// slotReader reads one slot after the other: those of a living process as often
// as it takes until what it holds does not change, or for some times.
type slotReader struct {
	file         io.ReaderAt
	live         bool
	first, again []byte
}

// slotReadings is how often a slot that changes is read again.
const slotReadings = 8

func (s *slotReader) read(at int64) error {
	if err := s.readInto(s.first, at); err != nil || !s.live {
		copy(s.again, s.first)
		return err
	}
	for range slotReadings {
		if err := s.readInto(s.again, at); err != nil || bytes.Equal(s.first, s.again) {
			return err
		}
		s.first, s.again = s.again, s.first
	}
	s.first, s.again = s.again, s.first // in the order in which they were read
	return nil
}

func (s *slotReader) readInto(b []byte, at int64) error {
	_, err := s.file.ReadAt(b, at)
	return err
}

// counts returns how many calls the slot held both times, and how many more were open.
func (s *slotReader) counts() (held, deeper uint32) {
	held, open := wire.SplitOpenWord(binary.LittleEndian.Uint64(s.first[wire.OpenWordAt:]))
	held2, open2 := wire.SplitOpenWord(binary.LittleEndian.Uint64(s.again[wire.OpenWordAt:]))
	held, open = min(held, held2), min(open, open2)
	return held, open - min(held, open)
}

// call returns the bytes of the call at an offset; nil for one that was not the
// same both times, which the process is past.
func (s *slotReader) call(at int) ([]byte, error) {
	if at+wire.OpenCallHeaderSize > len(s.first) {
		return nil, fmt.Errorf("open call: %w", errShort)
	}
	size, _ := wire.SplitOpenCallWord(binary.LittleEndian.Uint64(s.first[at:]))
	if size < wire.OpenCallHeaderSize || size > len(s.first)-at {
		if s.live {
			return nil, nil
		}
		return nil, fmt.Errorf("an open call of %d bytes", size)
	}
	if !bytes.Equal(s.first[at:at+size], s.again[at:at+size]) {
		return nil, nil
	}
	return s.first[at : at+size], nil
}

// addOpen adds the calls of a slot, as far as they make sense.
func (r *Run) addOpen(s *slotReader, all *OpenCalls) error {
	held, deeper := s.counts()
	at := wire.OpenCallsAt
	for ; held > 0; held-- {
		b, err := s.call(at)
		if err != nil {
			return err
		}
		if b == nil {
			return nil
		}
		var c Call
		err = r.decoder.openCall(b, &c)
		if errors.Is(err, errUndefined) {
			// Defined after the last Poll read the definitions, or never.
			if err := r.readDefinitions(); err != nil {
				return err
			}
			err = r.decoder.openCall(b, &c)
		}
		if err != nil {
			return err
		}
		all.Calls = append(all.Calls, c)
		at += len(b)
	}
	all.Deeper += int(min(deeper, maxOpenDepth))
	return nil
}

// maxOpenDepth is how many calls a goroutine can have open.
const maxOpenDepth = 1 << 16

// openCall decodes an open call. errUndefined means that the definition lane
// has to be read on first.
func (d *decoder) openCall(b []byte, c *Call) error {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	function, err := d.defs.function(u32(wire.OpenCallSiteAt))
	if err != nil {
		return err
	}
	_, id := wire.SplitOpenCallWord(u64(wire.OpenCallWordAt))
	*c = Call{
		Function:  function,
		ID:        id,
		Parent:    u64(wire.OpenCallParentAt),
		Trace:     u64(wire.OpenCallTraceAt),
		Goroutine: u64(wire.OpenCallGoroutineAt),
		Start:     int64(u64(wire.OpenCallStartAt)),
		Depth:     uint16(min(u32(wire.OpenCallDepthAt), math.MaxUint16)),
		Flags:     uint8(u32(wire.OpenCallFlagsAt) & wire.FlagCut),
	}
	if c.ID == 0 || c.ID > MaxCallID || c.Parent > MaxCallID || c.Trace > MaxCallID || c.Goroutine > math.MaxInt64 {
		return fmt.Errorf("open call: ids %d, %d, %d of goroutine %d", c.ID, c.Parent, c.Trace, c.Goroutine)
	}
	args := cursor{b: b[wire.OpenCallHeaderSize:]}
	values := args.part(u32(wire.OpenCallArgsLenAt))
	if args.bad || len(args.b) >= wire.RecordAlign {
		return errors.New("open call: the length of its arguments is wrong")
	}
	if err := d.openData(function, c.Flags, values); err != nil {
		return err
	}
	c.Data = d.keep(d.values.out)
	return nil
}

// openData makes the JSON array of the arguments in d.values.out. Of arguments
// that are cut, those that are not whole are "…".
func (d *decoder) openData(f *Function, flags uint8, args []byte) error {
	v := &d.values
	if flags&wire.FlagCut == 0 {
		return d.data(f, flags, args, nil)
	}
	v.types, v.err, v.out = f.types, nil, append(v.out[:0], '[')
	v.cursor = cursor{b: args}
	n := 0
	for ; len(v.b) > 0; n++ {
		whole := len(v.out)
		v.comma()
		v.value(1)
		if v.err != nil || v.bad {
			v.out, v.err = v.out[:whole], nil
			break
		}
	}
	for ; n < f.inputs; n++ {
		v.comma()
		v.raw(`"…"`)
	}
	v.out = append(v.out, ']')
	return nil
}
