package runtime

import (
	"sync/atomic"
	"unsafe"
)

// Generation is the version of what generated code and this package expect of
// each other. Code that was generated for another one does not compile.
const Generation = 5

// Site is a function that can be recorded. For generated code.
type Site struct {
	key   uint64
	state uint32 // 0: off; accessed atomically
	// number of the site in its run's definitions, from 1 on
	number  uint32
	dropped uint64 // calls that a full normal lane did not take, not yet reported; atomic
	passed  uint64 // calls that passed a full lane, not yet reported; atomic
	sampled uint64 // rate limit: second of the run, and calls in it; atomic

	stackWindow, stackLooks uint32 // see mayLook

	siteOptions
	pkg   *description
	run   *spool // that has the definition
	older *Site  // in recording.sites
	next  *Site  // in the same slot of sites; set before it can be found
}

// The states of a site. Levels between them (timing only, no arguments) fit in
// here when they can be chosen.
const (
	siteOff  = 0
	siteFull = 1
)

// sites finds a site by its key: the slot of the lowest bits holds a chain.
// Lookup sees the head of the chain alone, Define looks further.
var sites [1 << 13]unsafe.Pointer // *Site, atomic

// Lookup returns the site of a key, or nil: then Define knows it or makes it.
// For generated code.
//
//go:norace
func Lookup(key uint64) *Site {
	s := (*Site)(atomic.LoadPointer(&sites[key%uint64(len(sites))]))
	if s == nil || s.key != key {
		return nil
	}
	return s
}

// offSlots says of each slot of sites whether it has sites, all of them off: 1.
// Accessed atomically; written under recording.mu.
var offSlots [len(sites)]uint32

// Off tells whether the site of a key is off for certain: one that has not been
// defined is not, nor need be one that shares its slot. Small enough for the
// compiler to put it into the user's function together with the call that
// follows. For generated code.
//
//go:norace
func Off(key uint64) bool { return atomic.LoadUint32(&offSlots[key%uint64(len(offSlots))]) != 0 }

// find looks through a whole chain.
//
//go:norace
func find(key uint64) *Site {
	s := (*Site)(atomic.LoadPointer(&sites[key%uint64(len(sites))]))
	for s != nil && s.key != key {
		s = s.next
	}
	return s
}

// Define returns the site of a key and makes it at the first call. pkg is the
// description of its package, options are those of its directive. Safe for
// concurrent use. For generated code.
//
//go:norace
func Define(key uint64, pkg, options string) *Site {
	if s := find(key); s != nil {
		return s
	}
	raceQuiet()
	defer raceLoud()
	return recorder.define(key, pkg, options)
}

// Enter takes in the call that has just begun. When the site is off, *c stays
// zero and Enter returns nil. It returns nil, too, when no arguments are
// wanted. For generated code.
//
//go:norace
func (s *Site) Enter(c *Call) *Encoder {
	if atomic.LoadUint32(&s.state) == siteOff {
		return nil
	}
	return s.enter(c)
}

// turn sets the state of a site. recording.mu is held.
//
//go:norace
func (s *Site) turn(state uint32) {
	atomic.StoreUint32(&s.state, state)
	noteOff(s.key)
}

// link makes the site one that find finds. recording.mu is held.
//
//go:norace
func (s *Site) link() {
	slot := s.key % uint64(len(sites))
	s.next = (*Site)(sites[slot])
	atomic.StoreUint32(&offSlots[slot], 0)
	atomic.StorePointer(&sites[slot], unsafe.Pointer(s))
	noteOff(s.key)
}

// noteOff brings the entry of a key in offSlots up to date.
//
//go:norace
func noteOff(key uint64) {
	slot := key % uint64(len(sites))
	first := (*Site)(sites[slot])
	off := uint32(0)
	if first != nil {
		off = 1
	}
	for s := first; s != nil; s = s.next {
		if s.state != siteOff {
			off = 0
		}
	}
	atomic.StoreUint32(&offSlots[slot], off)
}
