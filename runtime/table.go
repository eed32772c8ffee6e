package runtime

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// goroutines finds a goroutine's state by the address of its g. Entries are
// never removed: the Go runtime keeps every g and reuses it.
var goroutines table

// table is an open-addressing hash table that is read without a lock. A new
// entry is stored value first; a full table is replaced by a copy of twice the
// size. A reader of the old one misses at most what came later, and add looks
// again.
type table struct {
	mu    sync.Mutex
	slots unsafe.Pointer // *slots, atomic; nil until the first add
	used  int
}

type slots struct {
	shift uint
	list  []slot
}

type slot struct {
	key   uintptr // 0: free; stored last, atomically
	value *goroutine
}

const firstSlots = 256

// near holds a state found lately for each value of some bits of a g's address:
// most lookups end there. An entry is one pointer, so it is never torn, and it
// says itself whose it is.
var near [256]unsafe.Pointer // *goroutine, atomic

// nearState returns the state of a g if it is in near, or nil.
//
//go:norace
func nearState(addr unsafe.Pointer) *goroutine {
	g := (*goroutine)(atomic.LoadPointer(&near[uintptr(addr)>>6%uintptr(len(near))]))
	if g == nil || g.g != addr {
		return nil
	}
	return g
}

// farState returns the state of any g, and puts it into near.
//
//go:norace
func farState(addr unsafe.Pointer) *goroutine {
	g := goroutines.find(uintptr(addr))
	if g == nil {
		g = goroutines.add(addr)
	}
	atomic.StorePointer(&near[uintptr(addr)>>6%uintptr(len(near))], unsafe.Pointer(g))
	return g
}

// at returns the slot where the search for key begins.
//
//go:norace
func (s *slots) at(key uintptr) int {
	return int(uint64(key) * 0x9e3779b97f4a7c15 >> s.shift)
}

//go:norace
func (t *table) find(key uintptr) *goroutine {
	s := (*slots)(atomic.LoadPointer(&t.slots))
	if s == nil {
		return nil
	}
	for i := s.at(key); ; i++ {
		slot := &s.list[i&(len(s.list)-1)]
		switch atomic.LoadUintptr(&slot.key) {
		case key:
			return slot.value
		case 0:
			return nil
		}
	}
}

// add returns the entry for a g, a new one if there is none.
//
//go:norace
func (t *table) add(addr unsafe.Pointer) *goroutine {
	key := uintptr(addr)
	t.mu.Lock()
	g := t.find(key)
	if g == nil {
		g = newGoroutine(addr, 0)
		t.insert(key, g)
	}
	t.mu.Unlock()
	return g
}

//go:norace
func (t *table) insert(key uintptr, g *goroutine) {
	s := (*slots)(t.slots)
	if s == nil {
		s = newSlots(firstSlots)
	} else if t.used >= len(s.list)/2 {
		old := s
		s = newSlots(2 * len(old.list))
		for i := range old.list {
			if old.list[i].key != 0 {
				s.put(old.list[i].key, old.list[i].value)
			}
		}
	}
	s.put(key, g)
	t.used++
	atomic.StorePointer(&t.slots, unsafe.Pointer(s))
}

//go:norace
func newSlots(n int) *slots {
	s := &slots{shift: 64, list: make([]slot, n)}
	for ; n > 1; n >>= 1 {
		s.shift--
	}
	return s
}

//go:norace
func (s *slots) put(key uintptr, g *goroutine) {
	i := s.at(key)
	for s.list[i&(len(s.list)-1)].key != 0 {
		i++
	}
	slot := &s.list[i&(len(s.list)-1)]
	slot.value = g
	atomic.StoreUintptr(&slot.key, key)
}
