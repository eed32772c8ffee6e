package sink

import "time"

// Paced is a Store that others wait for while it writes. A drainer that keeps up
// gives it batches that take no longer than Pace says; one that has fallen behind
// gives it larger ones, which take less for each call.
type Paced interface {
	Pace() time.Duration
}

const (
	leastPaced = 500 // calls of a batch: what a batch costs whatever is in it is not worth less
	patience   = 4   // batches one after the other until a drainer has fallen behind
)

// pace finds how many calls a Store takes within its time.
type pace struct {
	within time.Duration // 0: it need not
	calls  int
}

func newPace(s Store) *pace {
	if p, ok := s.(Paced); ok {
		return &pace{p.Pace(), leastPaced}
	}
	return &pace{}
}

// limit is how many calls the nth batch may have, from 0, of those that come without a
// pause between them.
func (p *pace) limit(n, most int) int {
	if p.within <= 0 {
		return most
	}
	return min(p.calls<<min(max(n-patience+1, 0), 16), most)
}

// took learns from a batch. One of few calls says nothing: it takes what any takes.
func (p *pace) took(calls int, took time.Duration) {
	if p.within <= 0 || calls < leastPaced {
		return
	}
	fit := int(float64(calls) * float64(p.within) / float64(max(took, 1)))
	p.calls = max((p.calls+min(fit, 2*calls))/2, leastPaced)
}
