//go:build (amd64 || arm64) && gc

package runtime

import "unsafe"

// This file and g_locate.go hold all that rests on the inside of Go's runtime.
// The invariants, each checked by locate before it is relied on:
//
//   - getg returns the address of the running goroutine's g, as the assembler's
//     own g or TLS register gives it. A g never moves and is never freed, only
//     reused by a later goroutine.
//   - g begins with the bounds of the stack, lo and hi; the innermost *_panic
//     is at panicOffset; the goroutine's id is at the offset that locate found.
//   - *_panic begins with the panic's value, an interface.

// fastG tells whether getg exists on this platform.
const fastG = true

// panicOffset is where g holds its innermost *_panic: behind stack,
// stackguard0 and stackguard1, ahead of which the linker relies on it too.
const panicOffset = 32

// getg returns the address of the running goroutine's g.
//
//go:noescape
func getg() unsafe.Pointer

// goroutineID reads the id of the running goroutine.
//
//go:norace
//go:nocheckptr
func goroutineID(g unsafe.Pointer) uint64 {
	return *(*uint64)(unsafe.Add(g, located.idOffset))
}

// panicking tells whether the goroutine has a panic or Goexit under way.
//
//go:norace
//go:nocheckptr
func panicking(g unsafe.Pointer) bool { return panicAddress(g) != 0 }

// panicAddress returns where the goroutine's innermost *_panic is: on its stack,
// so that it changes when that is moved.
//
//go:norace
//go:nocheckptr
func panicAddress(g unsafe.Pointer) uintptr {
	return *(*uintptr)(unsafe.Add(g, panicOffset))
}

// panicValue returns the value of the innermost panic of the running goroutine,
// which must have one.
//
//go:norace
//go:nocheckptr
func panicValue() any {
	p := *(*unsafe.Pointer)(unsafe.Add(getg(), panicOffset))
	return *(*any)(p)
}

// onStack tells whether the data of an interface is on the running goroutine's stack.
//
//go:norace
//go:nocheckptr
func onStack(v any) bool {
	g := getg()
	data := (*[2]uintptr)(unsafe.Pointer(&v))[1]
	lo, hi := *(*uintptr)(g), *(*uintptr)(unsafe.Add(g, 8))
	return lo <= data && data < hi
}

// hide returns v in a way that escape analysis does not follow, so that a
// value which is only looked at need not move to the heap. p is an address for
// two instructions, with no call in between at which the stack could move.
//
//go:norace
//go:nocheckptr
func hide(v any) any {
	p := uintptr(unsafe.Pointer(&v))
	return **(**any)(unsafe.Pointer(&p))
}
