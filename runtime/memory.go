package runtime

import "unsafe"

// memory is what a goroutine's state keeps its open calls in. A large piece is
// not part of the program's heap: a recursion a hundred thousand calls deep must
// not come near a limit that the program sets itself, nor wake its garbage
// collector. It holds no pointers that the collector has to know.
type memory struct {
	base   unsafe.Pointer
	size   int    // bytes
	mapped []byte // the same bytes; nil for a piece of the heap
}

// The race detector sees what these functions do, since the standard library has
// locks in it: they are not called between raceQuiet and raceLoud.

// largeMemory is the size from which on a piece is mapped.
const largeMemory = 32 << 10

//go:norace
func newMemory(size int) memory {
	if size >= largeMemory {
		if mem := mapMemory(size); mem != nil {
			return memory{base: unsafe.Pointer(&mem[0]), size: size, mapped: mem}
		}
	}
	mem := make([]byte, size)
	return memory{base: unsafe.Pointer(&mem[0]), size: size}
}

// free gives a piece back that nobody looks at any more.
//
//go:norace
func (m *memory) free() {
	if m.mapped != nil {
		unmapMemory(m.mapped)
	}
	*m = memory{}
}
