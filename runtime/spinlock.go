package runtime

import (
	goruntime "runtime"
	"sync"
	"sync/atomic"
)

// spinLock is what a shard is written under: held for as long as it takes to copy a
// record, and seldom met by two, see lockShard. It differs from a sync.Mutex in
// how it is let go: that needs an instruction which waits until everything
// stored before has got to the cache, the whole record that is, and this does
// not. The price is that nobody is woken. Who waits asks again and again, and
// lets other goroutines run meanwhile; of several who wait, one asks.
type spinLock struct {
	held  uint32 // 1: somebody has it; atomic but for letting it go
	queue sync.Mutex
}

//go:norace
func (l *spinLock) TryLock() bool {
	return atomic.LoadUint32(&l.held) == 0 && atomic.CompareAndSwapUint32(&l.held, 0, 1)
}

//go:norace
func (l *spinLock) Lock() {
	if !atomic.CompareAndSwapUint32(&l.held, 0, 1) {
		l.wait()
	}
}

// Unlock must come from who has the lock: what was stored under it is seen by
// who has it next, see release.
//
//go:norace
func (l *spinLock) Unlock() { release(&l.held) }

// spins is how often a waiter looks before it lets others run: about as long as
// a record takes.
const spins = 100

//go:norace
//go:noinline
func (l *spinLock) wait() {
	l.queue.Lock()
	for i := 1; !l.TryLock(); i++ {
		if i%spins == 0 {
			goruntime.Gosched()
		}
	}
	l.queue.Unlock()
}
