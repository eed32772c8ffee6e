package runtime

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Calls are timed in ticks: of the time-stamp counter where that is steady, else
// nanoseconds of the monotonic clock.

// scale turns ticks into readings of nanotime: those of one instant, and the
// rate since. It is replaced as a whole.
type scale struct {
	ticks, mono int64
	rate        uint64 // nanoseconds per tick, in units of 2^-32; 0: ticks are nanoseconds
}

var (
	startCountingOnce sync.Once

	counting     bool           // ticks are those of the time-stamp counter; set once, before any site is on
	currentScale unsafe.Pointer // *scale, atomic; nil unless counting
)

// now returns the time in ticks.
//
//go:norace
func now() int64 {
	if counting {
		return timestamp()
	}
	return nanotime()
}

// elapsed is how many nanoseconds a number of ticks takes, 0 for a negative
// one: the counters of two cores may differ by less than a call takes.
//
//go:norace
func elapsed(ticks int64) int64 {
	if ticks < 0 {
		return 0
	}
	if !counting {
		return ticks
	}
	return scaled(ticks, scaleNow().rate)
}

// monotonic turns a time in ticks into one of nanotime.
//
//go:norace
func monotonic(ticks int64) int64 {
	if !counting {
		return ticks
	}
	s := scaleNow()
	if d := ticks - s.ticks; d < 0 {
		return s.mono - scaled(-d, s.rate)
	} else {
		return s.mono + scaled(d, s.rate)
	}
}

// scaleNow returns the scale in force. It is no atomic load, which the race
// detector would take for an order among the user's goroutines: on amd64, the one
// platform that counts, each load of a pointer is one that sees what was stored
// before the pointer was.
//
//go:norace
func scaleNow() *scale { return (*scale)(currentScale) }

//go:norace
func scaled(ticks int64, rate uint64) int64 {
	hi, lo := bits.Mul64(uint64(ticks), rate)
	return int64(hi<<32 | lo>>32)
}

// pair reads both clocks at one instant, as nearly as possible.
func pair() (ticks, mono int64) {
	best := int64(1) << 62
	for i := 0; i < 5; i++ {
		before := timestamp()
		at := nanotime()
		if after := timestamp(); after-before < best {
			best, ticks, mono = after-before, before+(after-before)/2, at
		}
	}
	return ticks, mono
}

// shortest is how many nanoseconds the rate of the counter is measured at least.
const shortest = 200_000

// startCounting decides on the ticks. It takes a fifth of a millisecond unless
// the program has run for longer.
func startCounting() {
	if !firstPair.steady || !steadyTimestamp() {
		return
	}
	ticks, mono := pair()
	for mono-firstPair.mono < shortest {
		ticks, mono = pair()
	}
	if s := firstPair.scaleTo(ticks, mono); s != nil {
		atomic.StorePointer(&currentScale, unsafe.Pointer(s))
		counting = true
	}
}

// firstPair is the reading of both clocks when the program started.
var firstPair instant

type instant struct {
	ticks, mono int64
	steady      bool // there is a counter
}

// scaleTo returns the scale that two instants give, or nil if the counter does
// not count like a clock.
//
//go:norace
func (from instant) scaleTo(ticks, mono int64) *scale {
	dt, dm := ticks-from.ticks, mono-from.mono
	// A counter of less than 100 MHz or more than 20 GHz is none.
	if dm <= 0 || dt < dm/10 || dt > dm*20 {
		return nil
	}
	hi, lo := uint64(dm)>>32, uint64(dm)<<32
	rate, _ := bits.Div64(hi, lo, uint64(dt))
	return &scale{ticks: ticks, mono: mono, rate: rate}
}

// recount measures the counter's rate anew: over the whole run, or, if that is
// not what the last stretch had (a virtual machine was moved), over that. Called
// now and then, off the hot path, with the race detector's knowledge and without.
//
//go:norace
func recount() {
	if !counting {
		return
	}
	old := (*scale)(atomic.LoadPointer(&currentScale))
	ticks, mono := pair()
	if mono-old.mono < shortest {
		return
	}
	whole := firstPair.scaleTo(ticks, mono)
	last := instant{ticks: old.ticks, mono: old.mono}.scaleTo(ticks, mono)
	switch {
	case last == nil:
		// It went backwards, or stood still. Later ticks count from here on.
		atomic.StorePointer(&currentScale, unsafe.Pointer(&scale{ticks: ticks, mono: mono, rate: old.rate}))
	case whole == nil || differs(whole.rate, last.rate):
		atomic.StorePointer(&currentScale, unsafe.Pointer(last))
	default:
		atomic.StorePointer(&currentScale, unsafe.Pointer(whole))
	}
}

// differs tells whether two rates are more than a thousandth apart.
func differs(x, y uint64) bool {
	if x < y {
		x, y = y, x
	}
	return x-y > x/1000
}
