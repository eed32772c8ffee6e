package runtime

import "sync/atomic"

// takes decides whether a call that starts now is kept, errors apart, as its
// function's sample and rate say. A call below one that was left out is left out
// with it.
//
//go:norace
//go:noinline
func (g *goroutine) takes(s *site) bool {
	if s.sample == 0 || s.sample != keepAll && g.random() >= s.sample {
		return false
	}
	return s.rate == 0 || s.count(nanotime())
}

// count counts the call against the site's rate: at most rate calls in every
// whole second of the monotonic clock. The counter holds the second in its
// upper half.
//
//go:norace
func (s *site) count(now int64) bool {
	second := uint64(now/1e9) << 32
	for {
		old := atomic.LoadUint64(&s.sampled)
		next := old + 1
		if old&^(1<<32-1) != second {
			next = second + 1
		} else if uint32(old) >= s.rate {
			return false
		}
		if atomic.CompareAndSwapUint64(&s.sampled, old, next) {
			return true
		}
	}
}

// random is a step of xorshift64*: the sample need not be secret, only even.
//
//go:norace
func (g *goroutine) random() uint64 {
	x := g.seed
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	g.seed = x
	return x * 0x2545f4914f6cdd1d
}
