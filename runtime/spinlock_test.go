package runtime

import (
	"sync"
	"testing"
)

// The detector knows nothing of the lock, which is for memory that it does not
// look at either.
func TestSpinLockLetsOneIn(t *testing.T) {
	const goroutines, turns = 8, 2000
	var l spinLock
	var wg sync.WaitGroup
	n := 0
	for range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range turns {
				count(&l, &n)
			}
		}()
	}
	wg.Wait()
	if n != goroutines*turns {
		t.Errorf("counted %d of %d", n, goroutines*turns)
	}
	if !l.TryLock() {
		t.Fatal("somebody has it still")
	}
	if l.TryLock() {
		t.Error("two have it")
	}
}

//go:norace
func count(l *spinLock, n *int) {
	l.Lock()
	defer l.Unlock()
	for i := 0; i < 50; i++ { // long enough to be met
		*n++
	}
	*n -= 49
}
