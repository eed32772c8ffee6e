package runtime

import (
	"encoding/binary"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// The first call that returns an error keeps the stack that it returned it on;
// calls further out that return the same error, or one whose text contains its
// text, do not. Most errors come from few places: a stack is written once, as a
// definition, and the records of calls refer to it.

const (
	maxErrorFrames = 32
	// maxErrorStacks is how many distinct stacks a run keeps. Errors from other
	// places have none.
	maxErrorStacks = 1 << 12
	// Looking at a stack takes as long as some calls. So a function looks at no more
	// than stacksPerWindow in a window of 2^windowBits ns, about an eighth of a second.
	stacksPerWindow = 64
	windowBits      = 27
)

// surfaced is the error that the goroutine's last failed call returned.
type surfaced struct {
	text  string
	depth int
	ended int64 // of nanotime
}

// keepStack has the record of the innermost call, f, refer to a stack if an error
// surfaces in it. It comes last before the record is written.
//
//go:norace
func (g *goroutine) keepStack(f *frame) {
	end := &g.ending
	if end.flags&(wire.FlagError|wire.FlagPanic) != wire.FlagError || !g.surfaces(f) || !f.site.mayLook(f.mono) {
		return
	}
	sp := recorder.current()
	if sp == nil {
		return
	}
	if hash := sp.stacks.refer(sp); hash != 0 {
		binary.LittleEndian.PutUint64(g.stackRef[:], hash)
		end.stack = g.stackRef[:]
		end.flags |= wire.FlagStack
	}
}

// surfaces takes in the error that f returns, and tells whether it came from no
// call within it.
//
//go:norace
func (g *goroutine) surfaces(f *frame) bool {
	last, depth, text := g.surfaced, len(g.frames), g.ending.text
	g.surfaced = surfaced{text, depth, f.mono + g.ending.took}
	within := last.depth > depth && (!f.kept || last.ended >= f.mono)
	return !within || text != last.text && (last.text == "" || !strings.Contains(text, last.text))
}

// mayLook counts a look at a stack and tells whether there was one left.
//
//go:norace
func (s *site) mayLook(mono int64) bool {
	if window := uint32(mono >> windowBits); window != s.stackWindow {
		s.stackWindow, s.stackLooks = window, 0 // another goroutine may do so, too: that is one look more
	}
	s.stackLooks++
	return s.stackLooks <= stacksPerWindow
}

// errorStacks are the stacks that a run has defined, by their hash.
type errorStacks struct {
	adding sync.Mutex
	count  int            // under adding
	slots  unsafe.Pointer // *stackSlots, atomic; nil before the first
}

// stackSlots is a hash table with twice the room that it needs: every search ends.
type stackSlots [2 * maxErrorStacks]uint64

// refer returns what stands for the running goroutine's stack in the records of
// a run; 0 is none.
//
//go:norace
func (e *errorStacks) refer(sp *spool) uint64 {
	var pcs [maxErrorFrames]uintptr
	n := goruntime.Callers(5, pcs[:]) // Callers itself, refer, keepStack, write and Commit are ours
	hash := uint64(14695981039346656037)
	for i := 0; i < n; i++ {
		hash = (hash ^ uint64(pcs[i])) * 1099511628211
		hash ^= hash >> 32
	}
	if hash == 0 {
		hash = 1
	}
	raceQuiet()
	defer raceLoud()
	if e.has(hash) || e.add(sp, hash, pcs[:n]) {
		return hash
	}
	return 0
}

//go:norace
func (e *errorStacks) has(hash uint64) bool {
	slots := (*stackSlots)(atomic.LoadPointer(&e.slots))
	if slots == nil {
		return false
	}
	for i := hash; ; i++ {
		switch atomic.LoadUint64(&slots[i%uint64(len(slots))]) {
		case hash:
			return true
		case 0:
			return false
		}
	}
}

// add defines a stack and makes it known; false says that there is no room.
//
//go:norace
func (e *errorStacks) add(sp *spool, hash uint64, pcs []uintptr) bool {
	e.adding.Lock()
	defer e.adding.Unlock()
	if e.has(hash) {
		return true
	}
	if e.count == maxErrorStacks {
		return false
	}
	slots := (*stackSlots)(e.slots)
	if slots == nil {
		slots = new(stackSlots)
		atomic.StorePointer(&e.slots, unsafe.Pointer(slots))
	}
	if !sp.define(stackRecord(hash, stackOf(pcs))) {
		return false
	}
	e.count++
	i := hash % uint64(len(slots))
	for slots[i] != 0 {
		i = (i + 1) % uint64(len(slots))
	}
	atomic.StoreUint64(&slots[i], hash)
	return true
}

//go:norace
func stackRecord(hash uint64, text []byte) []byte {
	b := newSmallRecord(wire.KindStack, 12+len(text))
	b.u64(hash)
	b.u32(uint32(len(text)))
	copyBytes(b.extend(len(text)), text)
	return b.bytes()
}

// stackOf writes frames as a traceback does, without the recorder's own and
// those of generated code.
func stackOf(pcs []uintptr) []byte {
	var text []byte
	frames := goruntime.CallersFrames(pcs)
	for more := true; more; {
		var f goruntime.Frame
		f, more = frames.Next()
		if f.Function == "" || f.Function == "runtime.goexit" || f.Function == "runtime.deferreturn" || isOwn(f.Function, len(text) == 0) {
			continue
		}
		text = append(append(text, f.Function...), "(...)\n\t"...)
		text = append(append(text, f.File...), ':')
		text = append(strconv.AppendInt(text, int64(f.Line), 10), '\n')
	}
	return text
}

// isOwn tells whether a function is the recorder's, or one that generated code
// calls: at the top of a stack those that end a call, anywhere a starter of a
// goroutine, whose symbol has no package.
func isOwn(function string, top bool) bool {
	name := function[strings.LastIndexByte(function, '/')+1:]
	_, name, dotted := strings.Cut(name, ".")
	if !dotted {
		return true
	}
	name = strings.TrimSuffix(name, "[...]")
	return top && strings.HasPrefix(name, "monitor") && (strings.HasSuffix(name, "Done") || strings.HasSuffix(name, "End"))
}
