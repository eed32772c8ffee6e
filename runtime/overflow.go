package runtime

import "sync/atomic"

// What a full normal lane costs the program. Calls that it will not take
// anyway are let pass: counted, but without a clock, values or a frame, as if
// their site were off. Only calls pass that
//
//   - cannot return an error, so that no error is lost;
//   - have an open caller that is recorded: if they panic, the caller's record
//     has the panic, with the stack from the place where it was raised.
//
// One in passTries of a goroutine does not pass, finds out whether there is
// room again, and if so ends the overflow.

// passTries is a power of two.
const passTries = 256

// passes tells whether a call of the site inside of another one passes.
//
//go:norace
func (s *Site) passes(g *goroutine) bool {
	if atomic.LoadUint32(&recorder.overflow) == 0 || s.fails || !g.frames[len(g.frames)-1].kept {
		return false
	}
	g.passed++
	if g.passed%passTries == 0 {
		return false
	}
	atomic.AddUint64(&s.passed, 1)
	return true
}

// overflows notes whether the normal lane took the last record.
//
//go:norace
func (r *recording) overflows(full bool) {
	switch now := atomic.LoadUint32(&r.overflow); {
	case full && now == 0:
		atomic.StoreUint32(&r.overflow, 1)
	case !full && now != 0:
		atomic.StoreUint32(&r.overflow, 0)
	}
}
