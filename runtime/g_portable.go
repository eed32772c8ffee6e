//go:build !((amd64 || arm64) && gc)

package runtime

import "unsafe"

// On this platform a goroutine is known by what runtime.Stack prints of it, and
// how a call was left by what runtime.Callers says. The former walks the whole
// stack: a recorded call costs microseconds, and more the deeper it is.

const fastG = false

func getg() unsafe.Pointer { return nil }

func goroutineID(unsafe.Pointer) uint64 { return 0 }

func panicking(unsafe.Pointer) bool { return true }

func panicAddress(unsafe.Pointer) uintptr { return 0 }

func panicValue() any { return nil }

func onStack(any) bool { return false }

func hide(v any) any { return v }
