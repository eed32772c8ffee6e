package runtime

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// goroutine is what the recorder knows of one goroutine. Only that goroutine
// touches it.
type goroutine struct {
	g      unsafe.Pointer // its g; nil where that is not known
	id     uint64
	frames []frame // the calls that are open, outermost first; in frameMemory
	shard  uint32  // where its records go, see lockShard
	// busy is set while the recorder runs the user's code: calls in it are not recorded.
	busy bool
	// passable is set while there is an open call and the innermost is kept, see overflow.go.
	passable bool

	parent Origin // what the goroutine's outermost calls are part of

	passed     uint32      // calls that passed a full lane, see overflow.go
	passCounts *passCounts // nil before the first

	frameMemory memory

	nextID, lastID uint64 // call ids it may give out
	seed           uint64 // of random

	ending   ending
	surfaced surfaced
	stackRef [8]byte // the stack of the call that ends, as its record has it
	raised   raised
	showing  showing
	encoder  Encoder
}

// frame is one open call. Its record is in the encoder's buffer from start on:
// room for the header, then the arguments; calls further in come behind. The
// collector does not look into it: sites live for ever.
type frame struct {
	site  *site
	id    uint64
	began int64 // ticks
	mono  int64 // the same as nanotime has it
	start int   // offset of the record in the buffer
	kept  bool  // the sample took the call
	cut   bool  // not all arguments fit

	shownAt uint16 // where the call is in the slot of open calls, if it is
}

// maxOpen bounds the open calls of a goroutine. Deeper ones are not recorded.
const maxOpen = 1 << 16

// idBlock is how many call ids a goroutine takes at once.
const idBlock = 64

// lastBlock is the last call id that has been given to a goroutine. Ids are
// those of the process, so that no two runs of it share one either.
// It has its cache lines to itself: next to it lies what every call reads.
var lastBlock struct {
	_ [128]byte
	n uint64 // atomic
	_ [120]byte
}

//go:norace
func (g *goroutine) newID() uint64 {
	if g.nextID == g.lastID {
		g.lastID = atomic.AddUint64(&lastBlock.n, idBlock)
		g.nextID = g.lastID - idBlock
	}
	g.nextID++
	return g.nextID
}

// restart makes g the state of another goroutine that runs on the same g.
//
//go:norace
func (g *goroutine) restart(id uint64) {
	if len(g.frames) > 0 && g.showing.slot != nil {
		g.conceal(0)
	}
	g.id = id
	g.frames = g.frames[:0]
	g.busy, g.passable = false, false
	g.parent = Origin{}
	g.raised = raised{}
	g.encoder.n = 0
}

// lockShard returns a shard of a lane with its lock held: the goroutine's own, or,
// when somebody is at work in that, the next one, which is its own from then on. As
// there are as many as processors, those that run at the same time soon have each
// its own.
//
//go:norace
func (g *goroutine) lockShard(lane []shard) *shard {
	mask := uint32(len(lane) - 1) // their number is a power of two
	s := &lane[g.shard&mask]
	if !s.mu.TryLock() {
		g.shard++
		s = &lane[g.shard&mask]
		s.mu.Lock()
	}
	return s
}

// lastGoroutine counts the states that were made.
var lastGoroutine uint32 // atomic

//go:norace
func newGoroutine(g unsafe.Pointer, id uint64) *goroutine {
	n := atomic.AddUint32(&lastGoroutine, 1)
	made := &goroutine{
		id:    id,
		g:     g,
		shard: n,
		seed:  (uint64(n) + uint64(clock.wallNano)) * 0x9e3779b97f4a7c15,
	}
	made.encoder.owner = made
	return made
}

// current returns the state of the running goroutine.
//
//go:norace
func current() *goroutine {
	if !located.g {
		raceLoud()
		g := byPrintedID()
		raceQuiet()
		return g
	}
	addr := getg()
	g := nearState(addr)
	if g == nil {
		g = farState(addr)
	}
	if id := goroutineID(addr); id != g.id {
		g.restart(id)
	}
	return g
}

// portable holds the states where a goroutine is known by its id alone. Those
// without an open call are taken out, since ids do not come back.
var portable struct {
	sync.Mutex
	byID map[uint64]*goroutine
	free []*goroutine
}

func byPrintedID() *goroutine {
	id := printedID()
	p := &portable
	p.Lock()
	defer p.Unlock()
	if g := p.byID[id]; g != nil {
		return g
	}
	if p.byID == nil {
		p.byID = make(map[uint64]*goroutine)
	}
	var g *goroutine
	if n := len(p.free); n > 0 {
		g, p.free = p.free[n-1], p.free[:n-1]
		g.restart(id)
	} else {
		g = newGoroutine(nil, id)
	}
	p.byID[id] = g
	return g
}

// release gives back the state of a goroutine that has no open call, unless it
// knows a parent: then Disown does. It is called with the race detector's
// knowledge, as byPrintedID is: the detector knows of their lock, and of the map.
//
//go:norace
func (g *goroutine) release() {
	if g.parent != (Origin{}) {
		return
	}
	p := &portable
	p.Lock()
	delete(p.byID, g.id)
	p.free = append(p.free, g)
	p.Unlock()
}
