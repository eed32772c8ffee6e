package runtime

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Call is one call of a site, between its Enter and its Commit. The zero Call
// is one that nobody records. For generated code.
type Call struct {
	g     *goroutine
	index uint32 // of its frame
}

// ending is what is known of the call that is about to be committed: the
// innermost one of its goroutine.
type ending struct {
	took  int64 // nanoseconds
	flags uint8
	args  int    // bytes of arguments
	err   error  // that Fail was given first
	text  string // of err, or of a panic
	asked bool   // err gave text itself; else its method panicked
	stack []byte
}

// Enter takes in the call that has just begun, of the function with that key: pkg
// is the description of its package, options are those of its directive. When
// the function is off, the Call stays zero and Enter returns nil. It returns nil, too,
// when no arguments are wanted. For generated code.
//
//go:norace
//go:noinline
func (c *Call) Enter(key uint64, pkg, options string) *Encoder {
	s := lookup(key)
	if s == nil {
		s = findOrMake(key, pkg, options)
	}
	state := atomic.LoadUint32(&s.state)
	if state == siteOff {
		if !s.isOnAgain() {
			return nil
		}
		state = atomic.LoadUint32(&s.state)
	}
	// A call that passes is the most frequent one of a program that has
	// overflowed: its whole way is here, without the clock and checks of others.
	if atomic.LoadUint32(&recorder.overflow) != 0 && !s.fails && located.g {
		if g := nearState(getg()); g != nil && g.passable && !g.busy {
			if g.passed++; g.passed%passTries != 0 && g.passCounts.count(s) {
				return nil
			}
			g.reportPasses()
		}
	}
	raceQuiet()
	e := current().push(s, c)
	if e != nil && state == siteTiming {
		e.Entered()
		e = nil
	}
	raceLoud()
	return e
}

// push opens a call.
//
//go:norace
func (g *goroutine) push(s *site, c *Call) *Encoder {
	if g.busy {
		return nil
	}
	n := len(g.frames)
	if n == cap(g.frames) && !g.growFrames(s) {
		return nil
	}
	if n == 0 {
		if sp := recorder.current(); g.showing.run != sp {
			g.changeSlot(sp)
		}
	}
	kept := (n == 0 && !g.parent.left || n > 0 && g.frames[n-1].kept) && (s.keepsAll || g.parent.whole || g.takes(s))
	e := &g.encoder
	g.frames = g.frames[:n+1]
	f := &g.frames[n]
	f.site, f.start, f.kept, f.cut = s, e.n, kept, false
	g.passable = kept
	c.g, c.index = g, uint32(n)
	if !kept {
		f.id = 0
		if bellRung() {
			recorder.attend()
		}
		return nil
	}
	f.id, f.began = g.newID(), now()
	f.mono = monotonic(f.began)
	if e.n+wire.CallHeaderSize > e.size {
		raceLoud()
		e.grow(wire.CallHeaderSize)
		raceQuiet()
	}
	e.begin(s, e.n)
	g.describe(n)
	e.n += wire.CallHeaderSize
	return e
}

// describe writes what is known of a call when it begins into the header of its
// record: the stores are done long before the record is copied.
//
//go:norace
func (g *goroutine) describe(n int) {
	f := &g.frames[n]
	parent, trace := g.parent.call, g.parent.trace
	if n > 0 {
		parent = g.frames[n-1].id
	}
	if trace == 0 {
		trace = g.frames[0].id
	}
	h := g.encoder.header(f.start)
	binary.LittleEndian.PutUint64(h[wire.RecordSumAt:], uint64(f.site.number)<<32) // which is at CallSiteAt
	binary.LittleEndian.PutUint64(h[wire.CallIDAt:], f.id)
	binary.LittleEndian.PutUint64(h[wire.CallParentAt:], parent)
	binary.LittleEndian.PutUint64(h[wire.CallTraceAt:], trace)
	binary.LittleEndian.PutUint64(h[wire.CallGoroutineAt:], g.id)
	binary.LittleEndian.PutUint64(h[wire.CallStartAt:], uint64(wallTime(f.mono)))
}

const firstFrames = 4

// growFrames makes room for one more open call; false says that there are too
// many, and counts this one as dropped.
//
//go:norace
//go:noinline
func (g *goroutine) growFrames(s *site) bool {
	old := g.frames
	if len(old) >= maxOpen {
		if sp := recorder.current(); sp != nil {
			sp.drop(s, nanotime(), false)
		}
		return false
	}
	size := 2 * cap(old)
	if size == 0 {
		size = firstFrames
	}
	raceLoud()
	mem := newMemory(size * int(unsafe.Sizeof(frame{})))
	raceQuiet()
	grown := unsafe.Slice((*frame)(mem.base), size)[:len(old)]
	//lint:ignore S1001 the race detector would see copy
	for i := range old {
		grown[i] = old[i]
	}
	g.frames = grown
	raceLoud()
	g.frameMemory.free()
	raceQuiet()
	g.frameMemory = mem
	return true
}

// Open tells whether the call is recorded and has not ended. For generated code.
//
//go:norace
func (c Call) Open() bool { return c.g != nil }

// End begins the end of the call. It returns false when there is nothing left
// to do: the call is not open, or a panic or Goexit left it, and End has
// recorded that. It does not touch the panic. below is how many calls are between the
// deferred function and the one that calls End: 0 or 1. For generated code.
//
//go:norace
//go:noinline
func (c *Call) End(below int) bool {
	g := c.g
	if g == nil {
		return false
	}
	ended := int64(0)
	if int(c.index) < len(g.frames) && g.frames[c.index].kept {
		ended = now()
	}
	if int(c.index) >= len(g.frames) {
		c.g = nil
		return false
	}
	if int(c.index)+1 < len(g.frames) {
		g.forget(int(c.index) + 1)
	}
	f := &g.frames[c.index]
	end := &g.ending
	end.took, end.flags, end.args = 0, 0, 0
	if f.kept {
		end.took, end.args = elapsed(ended-f.began), g.encoder.n-f.start-wire.CallHeaderSize
	}
	if located.panics && !panicking(g.g) {
		return true
	}
	switch leftBy(2 + below) {
	case byPanic:
		g.panicked()
	case byGoexit:
		g.ending.flags |= wire.FlagGoexit
	default:
		return true
	}
	c.Commit()
	return false
}

// forget drops the calls from index n on, which will not end any more.
//
//go:norace
func (g *goroutine) forget(n int) {
	g.encoder.n = g.frames[n].start
	g.pop(n)
}

// pop takes the frames from index n on away.
//
//go:norace
func (g *goroutine) pop(n int) {
	g.frames = g.frames[:n]
	g.passable = n > 0 && g.frames[n-1].kept
}

// Fail says that the call returned an error. The first one counts. For
// generated code, between End and Commit.
//
//go:norace
func (c *Call) Fail(err error) {
	g := c.g
	if g.ending.flags&wire.FlagError != 0 || err == nil {
		return
	}
	g.ending.flags |= wire.FlagError
	text, ok := g.errorText(err)
	if hasMask() {
		text = g.maskedText(text)
	}
	g.ending.err, g.ending.text, g.ending.asked = err, text, ok
}

// Results returns an encoder for the results, or nil when none are wanted. For
// generated code, between End and Commit.
//
//go:norace
func (c *Call) Results() *Encoder {
	g := c.g
	f := &g.frames[c.index]
	if !f.kept || !g.wanted(f) || atomic.LoadUint32(&f.site.state) >= siteTiming {
		return nil
	}
	g.encoder.begin(f.site, f.start)
	return &g.encoder
}

// wanted tells whether the call that ends gets a record.
//
//go:norace
func (g *goroutine) wanted(f *frame) bool {
	if g.ending.flags&wire.FlagError != 0 {
		return true
	}
	return f.kept && g.ending.took >= f.site.slow
}

// Commit ends the call and writes its record, if it gets one. For generated
// code.
//
//go:norace
func (c *Call) Commit() {
	g := c.g
	f := &g.frames[c.index]
	end := &g.ending
	if !f.kept && end.flags == 0 && g.raised.depth == 0 && g.surfaced.depth == 0 {
		// Left out, and nothing went wrong here or further in: there is nothing to
		// write, to take off, or to forget.
		g.encoder.n = f.start
		g.pop(int(c.index))
		if c.index == 0 {
			g.left()
		}
		c.g = nil
		return
	}
	if end.flags == 0 && f.kept && !f.cut {
		if end.took >= f.site.slow {
			g.publish(f, g.encoder.n)
		}
	} else if g.wanted(f) {
		g.write(f)
	}
	if g.showing.slot != nil && f.kept {
		g.conceal(int(c.index))
	}
	g.encoder.n = f.start
	if f.kept && f.mono+end.took >= atomic.LoadInt64(&nextLook) {
		lookAround(f.mono + end.took)
	}
	g.pop(int(c.index))
	if g.raised.depth != 0 && (c.index == 0 || end.flags&wire.FlagPanic == 0 && int(c.index)+1 < g.raised.depth) {
		g.raised = raised{} // the panic was recovered, or is about to leave our sight
	}
	if end.flags&wire.FlagError != 0 {
		g.ending = ending{} // keeps nothing of the user's alive
	}
	if c.index == 0 {
		g.surfaced = surfaced{}
		g.left()
	}
	c.g = nil
}

// left tidies up when the goroutine has left its outermost call.
//
//go:norace
func (g *goroutine) left() {
	if g.passCounts == nil && g.encoder.mapped == nil && g.frameMemory.mapped == nil && located.g {
		return
	}
	g.reportPasses()
	g.encoder.shrink()
	if g.frameMemory.mapped != nil {
		g.frames = nil
		g.frameMemory.free()
	}
	if !located.g {
		g.release()
	}
}

// write adds to the record of f, the innermost call, what calls have that did
// not simply return, and publishes it.
//
//go:norace
func (g *goroutine) write(f *frame) {
	e := &g.encoder
	end := &g.ending
	if !f.kept {
		// What is known at the end: the call had no clock, and no id unless a call
		// within it has needed one.
		end.flags |= wire.FlagSampled
		g.identify()
		f.began = now()
		f.mono = monotonic(f.began)
		e.reserve(wire.CallHeaderSize)
		g.describe(len(g.frames) - 1)
		e.n += wire.CallHeaderSize
	}
	if f.cut {
		end.flags |= wire.FlagCut
	}
	if len(end.text) > maxErrorText {
		end.text = end.text[:maxErrorText]
	}
	g.keepStack(f)
	values := e.n
	e.append(end.text)
	e.appendBytes(end.stack)
	g.publish(f, values)
}

// publish completes the record of f, the innermost call, and has it written.
// values is where the values end.
//
//go:norace
func (g *goroutine) publish(f *frame, values int) {
	e := &g.encoder
	end := &g.ending
	if g.parent.remote != (remote{}) {
		g.appendRemote()
	}
	e.pad(f.start)
	depth := g.parent.depth + uint32(len(g.frames)-1)
	if depth > 1<<16-1 {
		depth = 1<<16 - 1
	}
	record := e.record(f.start)
	h := e.header(f.start)
	results := values - f.start - wire.CallHeaderSize - end.args
	binary.LittleEndian.PutUint64(h[0:], wire.Word(len(record), wire.KindCall, end.flags, uint16(depth)))
	binary.LittleEndian.PutUint64(h[wire.CallDurationAt:], uint64(end.took))
	binary.LittleEndian.PutUint64(h[wire.CallResultLenAt:], uint64(results)|uint64(len(end.text))<<32)  // and of the error
	binary.LittleEndian.PutUint64(h[wire.CallStackLenAt:], uint64(len(end.stack))|uint64(end.args)<<32) // and of the arguments
	raceQuiet()
	recorder.publish(g, f, record, f.mono+end.took)
	raceLoud()
}

// identify gives every open call an id that has none.
//
//go:norace
func (g *goroutine) identify() {
	for i := range g.frames {
		if f := &g.frames[i]; f.id == 0 {
			f.id = g.newID()
		}
	}
}

// raised is the panic that a call of the goroutine's ended with last, so that its
// stack is kept once: at the innermost frame that it left. Calls that deferred
// functions make meanwhile, which end within that depth, say nothing of it.
type raised struct {
	value any
	at    uintptr // of Go's description of the panic; 0 where that is not looked at
	depth int
}

// panicked takes in the panic that left the innermost call.
//
//go:norace
func (g *goroutine) panicked() {
	end := &g.ending
	end.flags |= wire.FlagError | wire.FlagPanic
	depth := len(g.frames)
	if !located.panics {
		end.text = unreadable
		if g.raised.depth <= depth {
			end.stack = g.panicStack()
		}
		g.raised = raised{depth: depth}
		return
	}
	value, at := panicValue(), panicAddress(g.g)
	end.text = g.panicText(value)
	if hasMask() {
		end.text = g.maskedText(end.text)
	}
	if g.raised.at != at || g.raised.depth <= depth || !sameInterface(g.raised.value, value) {
		end.stack = g.panicStack()
	}
	g.raised = raised{value: value, at: at, depth: depth}
}

// panicStack returns the stack on which the innermost call panics, unless too many
// calls of its function have just done so: walking a deep stack takes longer than
// all that the program does between two panics.
//
//go:norace
func (g *goroutine) panicStack() []byte {
	if !g.frames[len(g.frames)-1].site.mayLook(nanotime()) {
		return nil
	}
	return stackText()
}
