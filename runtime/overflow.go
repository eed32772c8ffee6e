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

// The whole way of such a call is here, without the checks and the clock of
// others: it is the most frequent call of a program that has overflowed.

// passTries is a power of two.
const passTries = 256

// passCount counts calls of one site that passed, until they are reported.
type passCount struct {
	site *Site
	n    uint64
}

// passes tells whether the call that has just begun passes.
//
//go:norace
func (s *Site) passes() bool {
	if s.fails || !located.g {
		return false
	}
	g := goroutines.find(uintptr(getg()))
	if g == nil || g.busy {
		return false
	}
	n := len(g.frames)
	if n == 0 || !g.frames[n-1].kept {
		return false
	}
	g.passed++
	if g.passed%passTries == 0 {
		g.reportPasses()
		return false
	}
	count := &g.passCounts[s.number%uint32(len(g.passCounts))]
	if count.site != s {
		count.report()
		count.site = s
	}
	count.n++
	return true
}

// report moves the count to its site.
//
//go:norace
func (c *passCount) report() {
	if c.n > 0 {
		atomic.AddUint64(&c.site.passed, c.n)
		c.n = 0
	}
}

// reportPasses moves all counts of the goroutine to their sites: at every try,
// and when the goroutine leaves its outermost call.
//
//go:norace
func (g *goroutine) reportPasses() {
	for i := range g.passCounts {
		g.passCounts[i].report()
	}
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
