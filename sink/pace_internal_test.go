package sink

import (
	"testing"
	"time"
)

// pacedStore takes some time for a batch and some for each call.
type pacedStore struct {
	Store
	batch, call time.Duration
}

func (s pacedStore) Pace() time.Duration { return 10 * time.Millisecond }

func (s pacedStore) takes(calls int) time.Duration { return s.batch + time.Duration(calls)*s.call }

func TestPace(t *testing.T) {
	const most = 50_000
	s := pacedStore{batch: 4 * time.Millisecond, call: 2 * time.Microsecond}
	p := newPace(s)
	for range 30 {
		n := p.limit(0, most)
		p.took(n, s.takes(n))
	}
	if n := p.limit(0, most); n < 2500 || n > 3500 {
		t.Errorf("%d calls where 3000 take the time", n)
	}
	steady := p.limit(0, most)
	if n := p.limit(patience-1, most); n != steady {
		t.Errorf("batch %d has %d calls, the first %d", patience, n, steady)
	}
	if n := p.limit(patience, most); n != 2*steady {
		t.Errorf("who falls behind stores %d calls, not twice %d", n, steady)
	}
	if n := p.limit(1000, most); n != most {
		t.Errorf("who is far behind stores %d calls", n)
	}
	p.took(10, time.Hour) // says nothing
	if n := p.limit(0, most); n != steady {
		t.Errorf("%d calls after a small batch, %d before", n, steady)
	}
	for range 30 { // another process has the database
		p.took(p.limit(0, most), time.Second)
	}
	if n := p.limit(0, most); n != leastPaced {
		t.Errorf("%d calls where none is soon enough", n)
	}
	if n := newPace(s.Store).limit(0, most); n != most {
		t.Errorf("a store that nobody waits for is given %d calls", n)
	}
}
