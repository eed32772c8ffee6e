package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Position is how far a stream of segments, one lane and shard of a run, is read.
type Position struct {
	Lane    wire.Lane
	Shard   uint32
	Segment uint32
	Offset  uint64 // of the next record in the segment
}

// Run reads the spool of one process. Its methods must not be called at the
// same time.
//
// A reader repeats: Alive, Poll, Next until io.EOF, store what came together
// with Positions, Committed. When Alive was false before a Poll after which
// everything was stored, the run is over: RemoveCalls, then Remove.
type Run struct {
	spool string // the folder of all runs
	id    string
	raw   [16]byte
	lock  *os.File // nil when it is read without, or shared
	share *share   // nil unless a Pool opened it

	defs    definitions
	decoder decoder
	lane    *stream   // the definition lane
	streams []*stream // all others, error lane first
	current int       // index into streams of the one that Next reads
	alive   bool      // as Alive last saw it
	read    int64     // bytes of records that Next went over
	trouble error     // of the streams that Next could not read since Poll
}

// Open takes the drain lock of a run. It returns ErrBusy when another reader
// has it, and an error that wraps fs.ErrNotExist when the run has been removed.
func Open(spool, id string) (*Run, error) {
	raw, ok := parseID(id)
	if !ok {
		return nil, fmt.Errorf("open run %q: not the id of a run", id)
	}
	lock, err := lockRun(spool, id)
	if err != nil {
		return nil, err
	}
	return newRun(spool, id, raw, lock), nil
}

// lockRun takes the drain lock of a run.
func lockRun(spool, id string) (*os.File, error) {
	for _, folder := range []string{spool, filepath.Join(spool, id)} {
		if err := Check(folder); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(spool, id, wire.DrainLockFile)
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	if err := takeLock(lock, path); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open run %s: %w", id, err)
	}
	return lock, nil
}

func newRun(spool, id string, raw [16]byte, lock *os.File) *Run {
	r := &Run{spool: spool, id: id, raw: raw, lock: lock, defs: newDefinitions(id)}
	r.decoder.defs = &r.defs
	r.lane = newStream(r, wire.LaneDefinition, 0)
	return r
}

// Close gives the drain lock back.
func (r *Run) Close() error {
	r.closeSegments()
	if r.share != nil {
		return r.share.close()
	}
	return r.lock.Close()
}

func (r *Run) closeSegments() {
	r.lane.closeSegment()
	for _, s := range r.streams {
		s.closeSegment()
	}
}

// ID is the run's id, 32 hexadecimal digits.
func (r *Run) ID() string { return r.id }

// Info returns who wrote the run; known is false as long as the run has not
// said so itself.
func (r *Run) Info() (info Info, known bool) { return r.defs.info, r.defs.known }

// BytesRead returns how many bytes of records Next has gone over.
func (r *Run) BytesRead() int64 { return r.read }

func (r *Run) path(name string) string { return filepath.Join(r.spool, r.id, name) }

// Alive reports whether the process still holds its lock. Ask before Poll: what
// a dead process wrote is complete.
func (r *Run) Alive() (bool, error) {
	alive, err := Alive(r.spool, r.id)
	if err == nil {
		r.alive = alive
	}
	return alive, err
}

// Seek sets the positions up to which the run is stored. It comes before the
// first Poll.
func (r *Run) Seek(positions []Position) {
	for _, p := range positions {
		s := r.stream(p.Lane, p.Shard)
		s.closeSegment()
		s.at, s.committed, s.started = p, p, true
	}
	if r.share != nil {
		r.share.set(positions)
	}
}

// Poll looks for new segments and reads the definition lane to its end.
func (r *Run) Poll() error {
	entries, err := os.ReadDir(filepath.Join(r.spool, r.id))
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	for _, s := range append(r.streams, r.lane) {
		s.numbers = s.numbers[:0]
	}
	for _, e := range entries { // ReadDir sorts by name
		lane, shard, number, ok := wire.ParseSegmentName(e.Name())
		if !ok || number == 0 || e.Name() != wire.SegmentName(lane, shard, number) {
			continue
		}
		s := r.stream(lane, shard)
		s.addNumber(number)
	}
	r.current, r.trouble = 0, nil
	return r.readDefinitions()
}

// readDefinitions reads the definition lane on. After a restart it is read from
// its beginning: the numbers in it mean the same for as long as the run lives.
func (r *Run) readDefinitions() error {
	s := r.lane
	if !s.started && r.HasCalls() {
		// The writer makes the first definitions before any calls.
		_, err := os.Lstat(r.path(wire.SegmentName(wire.LaneDefinition, 0, 1)))
		r.defs.damaged = r.defs.damaged || errors.Is(err, fs.ErrNotExist)
	}
	for {
		record, err := s.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		kind := wire.Kind(record[wire.RecordKindAt])
		if err := r.defs.add(kind, record[wire.SmallBodyAt:]); err != nil {
			return s.damagedRecord(err)
		}
		s.at.Offset += uint64(len(record))
	}
}

// Record is what Next reads: a Call, or Drops when Drops.Function is not nil, or
// a report of a Lane when Lane.Lane is not 0, or Figures when Figures.Time is not 0.
type Record struct {
	Call    Call
	Drops   Drops
	Lane    Lane
	Figures Figures
}

// Next decodes the next record of the error lane, or, when there is none, of
// the normal lane. It returns io.EOF when nothing more was published at the
// last Poll or since, and *Damage for a segment that Quarantine must take away
// before reading goes on: what came before it should be stored first. A stream
// that cannot be read does not stop the others: its error takes the place of
// io.EOF at the end.
func (r *Run) Next(out *Record) error { return r.next(out, false) }

// NextError is Next for the error lane alone.
func (r *Run) NextError(out *Record) error { return r.next(out, true) }

func (r *Run) next(out *Record, errorsAlone bool) error {
	for r.current < len(r.streams) {
		s := r.streams[r.current]
		if errorsAlone && s.at.Lane != wire.LaneError {
			break
		}
		record, err := s.next()
		if err == io.EOF {
			r.current++
			continue
		}
		var damage *Damage
		if err != nil && !errors.As(err, &damage) {
			r.trouble = errors.Join(r.trouble, err)
			r.current++
			continue
		}
		if err != nil {
			return err
		}
		err = r.decode(record, out)
		if errors.Is(err, errUndefined) {
			// Defined after the last Poll read the definitions, or never.
			if err := r.readDefinitions(); err != nil {
				return err
			}
			err = r.decode(record, out)
		}
		if err != nil {
			return s.damagedRecord(err)
		}
		s.at.Offset += uint64(len(record))
		s.dirty = true
		r.read += int64(len(record))
		return nil
	}
	if r.trouble != nil {
		return r.trouble
	}
	return io.EOF
}

// DefinitionsLost reports whether a part of the definition lane is gone.
func (r *Run) DefinitionsLost() bool { return r.defs.damaged }

// HasCalls reports whether there are segments other than definitions.
func (r *Run) HasCalls() bool {
	for _, s := range r.streams {
		if len(s.numbers) > 0 {
			return true
		}
	}
	return false
}

func (r *Run) decode(record []byte, out *Record) error {
	out.Drops.Function, out.Lane.Lane, out.Figures.Time = nil, 0, 0
	switch kind := wire.Kind(record[wire.RecordKindAt]); kind {
	case wire.KindCall:
		return r.decoder.call(record, &out.Call)
	case wire.KindDrops:
		return r.decoder.drops(record[wire.SmallBodyAt:], &out.Drops)
	case wire.KindLane:
		return decodeLane(record[wire.SmallBodyAt:], &out.Lane)
	case wire.KindFigures:
		return decodeFigures(record[wire.SmallBodyAt:], &out.Figures)
	default:
		return fmt.Errorf("a record of kind %d among the calls", kind)
	}
}

// Positions returns the positions that have changed since Committed.
func (r *Run) Positions() []Position {
	var changed []Position
	for _, s := range r.streams {
		if s.dirty {
			changed = append(changed, s.at)
		}
	}
	return changed
}

// Committed says that everything Next returned is stored. It frees the
// segments that are read to their end; one that cannot be freed is tried
// again next time.
func (r *Run) Committed() error {
	if r.share != nil {
		r.share.set(r.Positions())
	}
	var failed error
	for _, s := range r.streams {
		s.committed, s.dirty = s.at, false
		failed = errors.Join(failed, s.freeRead())
	}
	return failed
}

// RemoveCalls deletes the segments of a run that is over, but for the
// definition lane: what is left cannot be stored twice. While other readers of
// a Pool have not stored all of it, it returns ErrAwaited and deletes nothing.
func (r *Run) RemoveCalls() error {
	if r.share != nil && !r.share.storedAll() {
		return ErrAwaited
	}
	for _, s := range r.streams {
		if err := s.removeAll(); err != nil {
			return err
		}
	}
	return r.removeFiles(wire.FreeSuffix, wire.SpareSuffix) // those that the writer might have used still
}

// removeFiles deletes the files of a run whose names end in one of the suffixes.
func (r *Run) removeFiles(suffixes ...string) error {
	entries, err := os.ReadDir(r.path(""))
	for _, e := range entries {
		if !slices.Contains(suffixes, filepath.Ext(e.Name())) {
			continue
		}
		if e := os.Remove(r.path(e.Name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("delete %s files: %w", strings.Join(suffixes, " and "), err)
	}
	return nil
}

// Remove deletes the folder of a run that is over and gives the lock back. A
// file that does not belong there is left, and is an error. Of the readers of a
// Pool the last one deletes.
func (r *Run) Remove() error {
	if r.share != nil && !r.share.end() {
		return r.Close()
	}
	err := errors.Join(r.removeFiles(wire.FreeSuffix, wire.SpareSuffix, wire.OpenSuffix, positionsSuffix), r.lane.removeAll())
	for _, name := range []string{wire.LiveLockFile, wire.DrainLockFile} {
		if e := os.Remove(r.path(name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err == nil {
		err = os.Remove(filepath.Join(r.spool, r.id))
	}
	if e := r.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("remove run: %w", err)
	}
	return nil
}

// stream returns the stream of a lane and shard, making it at first sight.
func (r *Run) stream(lane wire.Lane, shard uint32) *stream {
	if lane == wire.LaneDefinition && shard == 0 {
		return r.lane
	}
	for _, s := range r.streams {
		if s.at.Lane == lane && s.at.Shard == shard {
			return s
		}
	}
	s := newStream(r, lane, shard)
	at := len(r.streams)
	if lane == wire.LaneError {
		for at = 0; at < len(r.streams) && r.streams[at].at.Lane == wire.LaneError; at++ {
		}
	}
	r.streams = append(r.streams, nil)
	copy(r.streams[at+1:], r.streams[at:])
	r.streams[at] = s
	return s
}

// identity is what the header of a segment must say.
func (r *Run) identity(p Position) identity {
	return identity{run: r.raw, lane: p.Lane, shard: p.Shard, number: p.Segment}
}
