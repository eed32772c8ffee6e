package runtime

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Iteration is one run over a sequence that a recorded function returned, with
// iter=on. Its record is made when it ends, as that of a call which began when
// the iteration did: no call is open meanwhile, so what producer and consumer
// call has the parent that it would have without. For generated code.
//
// Whoever calls yield from several goroutines gets counts, but no times.
type Iteration struct {
	site    *site
	began   int64 // ticks
	turned  int64 // ticks when it last went from one side to the other
	items   int64 // yielded; atomic
	spent   [2]int64
	side    int  // whose turn it is
	stopped bool // the consumer wanted no more
}

// The sides of an iteration.
const (
	producer = iota
	consumer
)

var sideNames = [2]string{"producer", "consumer"}

// Iterate begins an iteration. It returns nil where the site is off. For
// generated code.
//
//go:norace
func Iterate(key uint64, pkg, options string) *Iteration {
	s := lookup(key)
	if s == nil {
		s = findOrMake(key, pkg, options)
	}
	if atomic.LoadUint32(&s.state) == siteOff {
		return nil
	}
	at := now()
	return &Iteration{site: s, began: at, turned: at}
}

// Yield says that the producer has an item for the consumer. For generated code.
//
//go:norace
func (it *Iteration) Yield() {
	atomic.AddInt64(&it.items, 1)
	it.turn(consumer)
}

// Resume says that the consumer is done with the item. For generated code.
//
//go:norace
func (it *Iteration) Resume() { it.turn(producer) }

// Stop says that the consumer wants no more items. For generated code.
//
//go:norace
func (it *Iteration) Stop() { it.stopped = true }

//go:norace
func (it *Iteration) turn(to int) {
	at := now()
	it.spent[it.side] += at - it.turned
	it.turned, it.side = at, to
}

// End records the iteration. It has to be deferred directly. It does not touch
// a panic. For generated code.
//
//go:norace
//go:noinline
func (it *Iteration) End() {
	raceQuiet()
	g := current()
	raceLoud()
	how := byReturn
	if !located.panics || panicking(g.g) {
		how = leftBy(1)
	}
	side := it.side
	it.turn(side)
	if atomic.LoadUint32(&it.site.state) == siteOff {
		return
	}
	var c Call
	raceQuiet()
	g.push(it.site, &c)
	raceLoud()
	if c.g == nil {
		return
	}
	f := &g.frames[c.index]
	g.ending.took, g.ending.flags, g.ending.args = 0, 0, 0
	if f.kept {
		f.began, f.mono = it.began, monotonic(it.began)
		g.describe(int(c.index))
		g.ending.took = elapsed(it.turned - it.began)
	}
	switch how {
	case byPanic:
		g.panicked()
		g.ending.text = sideNames[side] + ", at item " + strconv.FormatInt(atomic.LoadInt64(&it.items), 10) + ": " + g.ending.text
	case byGoexit:
		g.ending.flags |= wire.FlagGoexit
	default:
		if e := c.Results(); e != nil {
			it.encode(e)
		}
	}
	c.Commit()
}

// encode writes the values of an iteration that was not left by a panic.
//
//go:norace
func (it *Iteration) encode(e *Encoder) {
	e.Int(atomic.LoadInt64(&it.items))
	e.Duration(time.Duration(elapsed(it.spent[producer])))
	e.Duration(time.Duration(elapsed(it.spent[consumer])))
	e.Bool(it.stopped)
}

// Iterates tells whether the sequences that the call returns are to be
// recorded: the call itself is. For generated code, between End and Commit.
//
//go:norace
func (c *Call) Iterates() bool { return c.g.frames[c.index].kept }
