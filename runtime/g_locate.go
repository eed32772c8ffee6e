package runtime

import (
	"bytes"
	goruntime "runtime"
	"strconv"
	"sync"
	"unsafe"
)

// located says what locate found; it is written once, before any site is on.
var located struct {
	once     sync.Once
	g        bool    // getg and idOffset can be relied on
	idOffset uintptr // of the goroutine's id in g
	panics   bool    // panicking and panicValue can be relied on; needs g
}

// locate checks the invariants of g_fast.go by experiment. Its goroutines have
// ended when it returns, and a program that records nothing never comes here.
func locate() {
	located.once.Do(func() {
		if !fastG {
			return
		}
		before := goruntime.NumGoroutine()
		located.idOffset, located.g = locateID()
		located.panics = located.g && panicsAreSeen()
		// The goroutines have said their last word but may not be gone yet; or
		// the program has started others meanwhile.
		for until := nanotime() + patience; goruntime.NumGoroutine() > before && nanotime() < until; {
			goruntime.Gosched()
		}
	})
}

// patience is how long locate waits for its goroutines to be gone, in nanoseconds.
const patience = 20_000_000

// searched is how much of a g is looked at; a g is larger on every 64-bit platform.
const searched = 400

// locateID finds the one offset in g at which several goroutines have their id.
func locateID() (offset uintptr, ok bool) {
	const goroutines = 8
	hits := make([]int, searched/8)
	for i := 0; i < goroutines; i++ {
		aside(func() {
			id, g := printedID(), getg()
			for at := range hits {
				if uint64Of(g, uintptr(at)*8) == id {
					hits[at]++
				}
			}
		})
	}
	for at, n := range hits {
		if n != goroutines {
			continue
		}
		if ok {
			return 0, false
		}
		offset, ok = uintptr(at)*8, true
	}
	return offset, ok
}

// panicsAreSeen lets a goroutine panic and another one exit.
func panicsAreSeen() bool {
	type probe struct{ text string }
	var (
		value           any = &probe{"monitorgen looks whether it can see a panic"}
		how, howAtEnd   exit
		seen            any
		before, atEnd   bool
		inPanic, inExit bool
	)
	aside(func() {
		before = panicking(getg())
		defer func() { recover() }()
		defer func() {
			how, inPanic = leftBy(1), panicking(getg())
			if inPanic {
				seen = panicValue()
			}
		}()
		panic(value)
	})
	aside(func() {
		defer func() { howAtEnd, inExit = leftBy(1), panicking(getg()) }()
		goruntime.Goexit()
	})
	aside(func() {
		defer func() { atEnd = panicking(getg()) }()
		func() {
			defer func() { recover() }()
			panic(value)
		}()
	})
	return !before && !atEnd && how == byPanic && inPanic && seen == value && howAtEnd == byGoexit && inExit
}

// aside runs f on a goroutine of its own.
func aside(f func()) {
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		f()
	}()
	done.Wait()
}

// printedID is the id of the running goroutine, as a stack dump shows it.
func printedID() uint64 {
	var buf [64]byte
	text := buf[:goruntime.Stack(buf[:], false)]
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	if end := bytes.IndexByte(text, ' '); end > 0 {
		text = text[:end]
	}
	id, _ := strconv.ParseUint(string(text), 10, 64)
	return id
}

//go:norace
//go:nocheckptr
func uint64Of(g unsafe.Pointer, at uintptr) uint64 {
	return *(*uint64)(unsafe.Add(g, at))
}
