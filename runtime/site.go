package runtime

import (
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Generation is the version of what generated code and this package expect of
// each other. Code that was generated for another one does not compile.
const Generation = 6

// site is a function that can be recorded.
type site struct {
	key   uint64
	state uint32 // 0: off; accessed atomically
	// number of the site in its run's definitions, from 1 on
	number  uint32
	dropped uint64 // calls that a full normal lane did not take, not yet reported; atomic
	passed  uint64 // calls that passed a full lane, not yet reported; atomic
	sampled uint64 // rate limit: second of the run, and calls in it; atomic

	stackWindow, stackLooks uint32 // see mayLook

	siteOptions
	limits
	pkg   *description
	run   *spool // that has the definition
	older *site  // in recording.sites
	next  *site  // in the same slot of sites; set before it can be found
}

// The states of a site: the levels that the control file may choose.
const (
	siteOff    = uint32(wire.LevelOff)
	siteFull   = uint32(wire.LevelFull)
	siteTiming = uint32(wire.LevelTiming)
	siteArgs   = uint32(wire.LevelArgs)
)

// sites finds a site by its key: the slot of some of its bits holds a chain.
// lookup sees the head of the chain alone, findOrMake looks further.
var sites [wire.BellWords]unsafe.Pointer // *site, atomic

// slotBits are the bits of a key that give its slot, left where they are the
// offset of the slot's word: the compiler weighs what Off computes, see there.
const slotBits = (wire.BellWords - 1) * wire.BellWordSize

//go:norace
func slotOf(key uint64) uint64 { return key & slotBits / wire.BellWordSize }

// lookup returns the site of a key if it is the head of its slot's chain. Small
// enough to be inlined.
//
//go:norace
func lookup(key uint64) *site {
	s := (*site)(atomic.LoadPointer(&sites[slotOf(key)]))
	if s == nil || s.key != key {
		return nil
	}
	return s
}

// findOrMake returns the site of a key that lookup does not find, and makes it at
// the first call. pkg is the description of its package, options are those of its
// directive. Safe for concurrent use.
//
//go:norace
//go:noinline
func findOrMake(key uint64, pkg, options string) *site {
	if s := find(key); s != nil {
		return s
	}
	raceQuiet()
	defer raceLoud()
	return recorder.define(key, pkg, options)
}

// offWords points at a word for each slot of sites: the key of a site that is
// off, or 0. The words are ownWords, or those of the bell. They are accessed
// atomically, and but for whoever rings the bell written under recording.mu.
var (
	offWords = unsafe.Pointer(&ownWords)
	ownWords [len(sites)]uint64
)

// Off tells whether the site of a key is off for certain: one that has not been
// defined is not, nor need be one that shares its slot. Small enough for the
// compiler to put it into the user's function together with the call that
// follows, if that has no more than five arguments (testdata/script/size.txtar).
// For generated code.
//
//go:norace
func Off(key uint64) bool {
	return atomic.LoadUint64((*uint64)(unsafe.Add(offWords, key&slotBits))) == key
}

// offWord is the word of a slot.
//
//go:norace
func offWord(slot uint64) *uint64 { return (*uint64)(unsafe.Add(offWords, slot*wire.BellWordSize)) }

// find looks through a whole chain.
//
//go:norace
func find(key uint64) *site {
	s := (*site)(atomic.LoadPointer(&sites[slotOf(key)]))
	for s != nil && s.key != key {
		s = s.next
	}
	return s
}

// turn sets the state of a site. recording.mu is held.
//
//go:norace
func (s *site) turn(state uint32) {
	atomic.StoreUint32(&s.state, state)
	s.noteOff()
}

// link makes the site one that find finds. recording.mu is held.
//
//go:norace
func (s *site) link() {
	slot := slotOf(s.key)
	s.next = (*site)(sites[slot])
	atomic.StorePointer(&sites[slot], unsafe.Pointer(s))
	s.noteOff()
}

// noteOff brings the word of the site's slot up to date. Of several that are off
// the word names the last: the others are asked for their state. recording.mu is
// held.
//
//go:norace
func (s *site) noteOff() {
	word := offWord(slotOf(s.key))
	switch {
	case s.state == siteOff && !polls():
		atomic.StoreUint64(word, s.key)
	case atomic.LoadUint64(word) == s.key:
		atomic.StoreUint64(word, 0)
	}
}
