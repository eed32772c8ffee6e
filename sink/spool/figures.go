package spool

import (
	"errors"
	"fmt"
	"math"
)

// Figures say how a process was at one time. -1 is what is not known: a process
// says nothing while it makes no recorded calls, and others see only a part.
type Figures struct {
	Time       int64 // wall clock, nanoseconds since 1970 UTC
	CPU        int64 // user and system time since the process started, nanoseconds
	RSS        int64 // resident memory, bytes
	Heap       int64 // bytes of objects, dead ones that are not swept included
	HeapGoal   int64 // bytes at which the next collection ends
	Goroutines int64
	GCCycles   int64 // since the process started
	GCPause    int64 // nanoseconds, sum since the process started
	GCPauseMax int64 // nanoseconds, the longest since the figures before
}

func decodeFigures(body []byte, out *Figures) error {
	c := cursor{b: body}
	at := c.u64()
	f := Figures{Time: int64(at)}
	for _, n := range []*int64{&f.CPU, &f.RSS, &f.Heap, &f.HeapGoal, &f.Goroutines, &f.GCCycles, &f.GCPause, &f.GCPauseMax} {
		*n = -1
		if u := c.u64(); u <= math.MaxInt64 {
			*n = int64(u)
		}
	}
	if c.bad {
		return fmt.Errorf("figures: %w", errShort)
	}
	if f.Time <= 0 {
		return errors.New("figures: a time that cannot be")
	}
	*out = f
	return nil
}
