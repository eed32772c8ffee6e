package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// ErrAwaited says that other readers of a Pool have not stored a run yet.
var ErrAwaited = errors.New("not every reader has stored the run")

// Pool lets several readers of one process read the same runs, each in its own
// time: for several stores. The first to open a run takes its drain lock, for all.
// A segment is freed when the slowest reader has stored it, and a run is removed
// when all have come to its end.
//
// The readers are numbered from 0. Each is used as if there were no others, by
// one goroutine at a time; different ones at the same time.
type Pool struct {
	readers int

	mu   sync.Mutex
	runs map[string]*pooled // by folder
}

// pooled is a run that a Pool has the drain lock of. Pool.mu guards it.
type pooled struct {
	lock    *os.File
	readers []pooledReader
}

// pooledReader is how far a reader of a pooled run has come.
type pooledReader struct {
	open   bool
	at     map[streamID]uint32 // segments before it are stored; nil: not known yet
	stored bool                // all calls of a run that is over
	ended  bool                // nothing more to do
}

// streamID names a stream of a run.
type streamID struct {
	lane  wire.Lane
	shard uint32
}

// NewPool returns a Pool for so many readers.
func NewPool(readers int) *Pool {
	return &Pool{readers: readers, runs: map[string]*pooled{}}
}

// Open opens a run for a reader, as the function Open does. A run that the reader
// has come to the end of is gone for it: the error wraps fs.ErrNotExist.
func (p *Pool) Open(reader int, spool, id string) (*Run, error) {
	raw, ok := parseID(id)
	if !ok {
		return nil, fmt.Errorf("open run %q: not the id of a run", id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	folder := filepath.Join(spool, id)
	shared := p.runs[folder]
	if shared == nil {
		lock, err := lockRun(spool, id)
		if err != nil {
			return nil, err
		}
		shared = &pooled{lock: lock, readers: make([]pooledReader, p.readers)}
		p.runs[folder] = shared
	}
	if shared.readers[reader].ended {
		return nil, fmt.Errorf("open run %s: its end is stored: %w", id, fs.ErrNotExist)
	}
	shared.readers[reader].open = true
	r := newRun(spool, id, raw, nil)
	r.share = &share{pool: p, run: shared, reader: reader, folder: folder}
	return r, nil
}

// Awaited reports whether there are runs that some readers have come to the end of
// and others have not, as far as they have said so.
func (p *Pool) Awaited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.runs) > 0
}

// Close gives back all locks. Readers that have runs open must have closed them.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed error
	for folder, shared := range p.runs {
		failed = errors.Join(failed, shared.lock.Close())
		delete(p.runs, folder)
	}
	return failed
}

// share is what one reader has of a pooled run.
type share struct {
	pool   *Pool
	run    *pooled
	reader int
	folder string
}

// own is the reader's entry. Pool.mu is held.
func (s *share) own() *pooledReader { return &s.run.readers[s.reader] }

// all reports whether something is so for every reader. Pool.mu is held.
func (s *share) all(is func(*pooledReader) bool) bool {
	for i := range s.run.readers {
		if !is(&s.run.readers[i]) {
			return false
		}
	}
	return true
}

// set takes in the positions up to which the reader has stored.
func (s *share) set(positions []Position) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	own := s.own()
	if own.at == nil {
		own.at = map[streamID]uint32{}
	}
	for _, p := range positions {
		own.at[streamID{p.Lane, p.Shard}] = p.Segment
	}
}

// stored returns the segment of a stream before which every reader has stored.
func (s *share) stored(stream streamID) uint32 {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	first := s.own().at[stream]
	for i := range s.run.readers {
		first = min(first, s.run.readers[i].at[stream])
	}
	return first
}

// storedAll notes that the reader has stored all calls of a run that is over, and
// reports whether every reader has.
func (s *share) storedAll() bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.own().stored = true
	return s.all(func(r *pooledReader) bool { return r.stored })
}

// end notes that the reader has nothing more to do, and reports whether nobody has.
func (s *share) end() bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.own().ended = true
	return s.all(func(r *pooledReader) bool { return r.ended })
}

// close is the reader's Close. The lock goes back with the last one, unless the
// Pool knows of the run what is nowhere else.
func (s *share) close() error {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.own().open = false
	idle := s.all(func(r *pooledReader) bool { return !r.open && !r.stored })
	over := s.all(func(r *pooledReader) bool { return r.ended })
	if s.pool.runs[s.folder] != s.run || !idle && !over {
		return nil
	}
	delete(s.pool.runs, s.folder)
	return s.run.lock.Close()
}
