package runtime

import (
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// A call that has not ended has no record, and what a process that is killed was
// at is what one wants to know most. So the open calls of every goroutine are in
// the run's folder, too: in a slot of a mapped file, where the goroutine copies
// each call as soon as its arguments are encoded, and takes it off when its
// record is published. docs/format.md says what a reader may rely on.
//
// A mapping may fail under a store, so all stores are guarded (open_map.go), and
// calls are encoded elsewhere, without a guard.

// showing is what a goroutine shows of its open calls.
type showing struct {
	run  *spool         // that the slot belongs to, or that had none to give
	file *openFile      // that the slot is in
	slot unsafe.Pointer // nil: it shows nothing
	at   int            // where the next call goes in the slot
	held int            // calls that are in the slot: the outermost ones
	said uint64         // the slot's word
	next uint64         // what it is to be once the record of the call that ends is published
}

// Entered says that the arguments of the call are encoded: from now on it is
// among the open ones whatever becomes of the process. For generated code, last
// of what it does with what Enter returned.
//
// It copies the innermost call into the slot. It is not inlined: there is a
// call of it in every recorded function.
//
//go:norace
//go:noinline
func (e *Encoder) Entered() {
	g := e.owner
	s := &g.showing
	if s.slot == nil {
		return
	}
	n := len(g.frames)
	f := &g.frames[n-1]
	args, cut := g.encoder.n-f.start-wire.CallHeaderSize, uint64(0)
	// A call gets half of what is left at most: a long one leaves room for those
	// within it.
	room := (wire.OpenSlotSize-s.at)/2 - wire.OpenCallHeaderSize
	if room < 0 || s.held != n-1 {
		g.showCount(n)
		return
	}
	if args > room {
		args, cut = room, wire.FlagCut
	}
	size := (wire.OpenCallHeaderSize + args + wire.RecordAlign - 1) &^ (wire.RecordAlign - 1)
	depth := uint64(g.parent.depth) + uint64(n-1)
	s.said = wire.OpenWord(n, n)
	if !storeOpenCall(s.slot, s.at, g.encoder.header(f.start), args, wire.OpenCallWord(size, f.id), depth|cut<<32, s.said) {
		s.slot = nil
		return
	}
	f.shownAt = uint16(s.at)
	s.at += size
	s.held = n
}

// showCount says how many calls are open, of which the slot may not hold all.
//
//go:norace
func (g *goroutine) showCount(open int) {
	s := &g.showing
	word := wire.OpenWord(s.held, open)
	if s.said == word {
		return
	}
	s.said = word
	if !storeOpenWord(s.slot, word) {
		s.slot = nil
	}
}

// concealing is for the record of the innermost call, which is shown: it is
// published and the call taken off under one guard, as most calls are. It
// returns nil when there is nothing to take off.
//
//go:norace
func (g *goroutine) concealing() *showing {
	s := &g.showing
	if s.slot == nil {
		return nil
	}
	n := len(g.frames) - 1
	held := s.held
	if n < held {
		held = n
	}
	s.next = wire.OpenWord(held, n)
	return s
}

// conceal takes the calls from index n on off the slot, if publishing a record
// has not done it.
//
//go:norace
func (g *goroutine) conceal(n int) {
	s := &g.showing
	if n < s.held {
		s.at, s.held = int(g.frames[n].shownAt), n
	}
	g.showCount(n)
}

// changeSlot gives the goroutine, which has no open call, a slot in the run's
// folder for the one it has in that of an earlier run.
//
//go:norace
//go:noinline
func (g *goroutine) changeSlot(sp *spool) {
	if g.showing.file != nil {
		g.showing.file.letGo()
	}
	g.showing = showing{run: sp, at: wire.OpenCallsAt}
	if sp != nil {
		g.showing.file, g.showing.slot = sp.open.take(sp)
	}
}

// openCalls is the part of a run's folder that shows open calls.
type openCalls struct {
	mu     sync.Mutex
	files  [maxOpenFiles]*openFile
	made   int // of files
	closed bool
	retry  int64 // nanotime before which no new file is tried
}

// openFile is one file of it. It stays mapped until the run is over and no
// goroutine has a slot in it: a goroutine may be about to store.
type openFile struct {
	mem   []byte
	slots int
	taken int   // slots given to goroutines; under openCalls.mu
	users int32 // goroutines that have a slot, and one for the run; atomic
}

// The files of a run have some 2000 slots, 16 MiB together. States of goroutines
// are used again, so that is how many can be within recorded calls at once.
// Those beyond show nothing and are counted.
const (
	firstOpenSlots = 32
	mostOpenSlots  = 256
	maxOpenFiles   = 10
)

// take returns a slot that no goroutine has had, or nil. It is called between
// raceQuiet and raceLoud.
//
//go:norace
func (o *openCalls) take(sp *spool) (*openFile, unsafe.Pointer) {
	if fromEnvironment.showNone {
		return nil, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, nil
	}
	if o.made == 0 || o.files[o.made-1].full() {
		raceLoud()
		file := o.newFile(sp)
		raceQuiet()
		if file == nil {
			o.countUnshown()
			return nil, nil
		}
		o.files[o.made] = file
		o.made++
	}
	file := o.files[o.made-1]
	at := wire.OpenSlotsAt + file.taken*wire.OpenSlotSize
	file.taken++
	atomic.AddInt32(&file.users, 1)
	return file, unsafe.Pointer(&file.mem[at])
}

//go:norace
func (f *openFile) full() bool { return f.taken == f.slots }

// newFile makes the next file, of more slots than the last one. It returns nil
// when there are enough, or the disk is full. mu is held.
//
//go:norace
func (o *openCalls) newFile(sp *spool) *openFile {
	if o.made == maxOpenFiles || nanotime() < o.retry {
		return nil
	}
	slots := firstOpenSlots << o.made
	if slots > mostOpenSlots {
		slots = mostOpenSlots
	}
	number := uint32(o.made + 1)
	// filepath.Join would show the race detector a read of what another goroutine wrote.
	path := sp.dir + string(filepath.Separator) + wire.OpenName(number)
	mem := mapOpenFile(path, wire.OpenSlotsAt+slots*wire.OpenSlotSize, openHeader(sp.run, number, slots))
	if mem == nil {
		o.retry = nanotime() + retryAfter
		return nil
	}
	return &openFile{mem: mem, slots: slots, users: 1}
}

// openHeader is the header of a file of open calls.
func openHeader(run [16]byte, number uint32, slots int) []byte {
	h := make([]byte, wire.OpenHeaderSize)
	binary.LittleEndian.PutUint64(h[wire.OpenMagicAt:], wire.OpenMagic)
	binary.LittleEndian.PutUint32(h[wire.OpenVersionAt:], wire.OpenVersion)
	binary.LittleEndian.PutUint32(h[wire.OpenSlotSizeAt:], wire.OpenSlotSize)
	binary.LittleEndian.PutUint32(h[wire.OpenCountAt:], uint32(slots))
	binary.LittleEndian.PutUint32(h[wire.OpenNumberAt:], number)
	copy(h[wire.OpenRunAt:], run[:])
	binary.LittleEndian.PutUint32(h[wire.OpenSumAt:], wire.OpenSum(h))
	return h
}

// countUnshown counts a goroutine that got no slot. mu is held.
//
//go:norace
func (o *openCalls) countUnshown() {
	if o.made > 0 {
		addOpenUnshown(o.files[0].mem)
	}
}

// close is for the end of the run. What its files show stays as it is but for
// calls that end later.
//
//go:norace
func (o *openCalls) close() {
	raceQuiet()
	o.mu.Lock()
	made := o.made
	o.made, o.closed = 0, true
	o.mu.Unlock()
	for _, file := range o.files[:made] {
		file.letGo()
	}
	raceLoud()
}

// letGo is for a user of the file that will not touch it any more. It is called
// between raceQuiet and raceLoud.
//
//go:norace
func (f *openFile) letGo() {
	if atomic.AddInt32(&f.users, -1) == 0 {
		raceLoud()
		unmapMemory(f.mem)
		raceQuiet()
	}
}
