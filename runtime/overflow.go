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

// passCount counts calls of one site that passed, until they are reported.
type passCount struct {
	site *site
	n    uint64
}

// passCounts are those of one goroutine, so many that the few functions which
// make up most of an overflow seldom meet in one of them.
type passCounts [64]passCount

// count counts a call; false says that there is nothing to count with yet.
//
//go:norace
func (c *passCounts) count(s *site) bool {
	if c == nil {
		return false
	}
	count := &c[s.number%uint32(len(c))]
	if count.site == s {
		count.n++
		return true
	}
	count.report()
	count.site, count.n = s, 1
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
	if g.passCounts == nil {
		if g.passed == 0 {
			return
		}
		g.passCounts = new(passCounts)
	}
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
