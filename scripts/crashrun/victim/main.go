// Victim is the program that scripts/crash records and lets die. Each of its
// workers makes calls, and when they have ended writes their number, a line, to
// standard output: whoever reads it may count on finding the calls.
//
//	victim WAY N    dies in the given way after about N acknowledged numbers
//
// May import: the standard library; with the tag sink, the in-process sink.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"
)

const workers = 4

// acknowledged counts the numbers that were written.
var acknowledged atomic.Int64

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: victim WAY N")
	}
	enough, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	supervise(os.Args[1], enough)
}

// supervise starts the workers and dies when they have done enough. Its own call
// is recorded, too: it is open all the time.
//
//monitor:trace
func supervise(way string, enough int64) {
	reached, stop := make(chan struct{}), make(chan struct{})
	done := make(chan struct{}, workers)
	for w := range workers {
		go func() {
			work(w, enough, reached, stop)
			done <- struct{}{}
		}()
	}
	<-reached
	if way == "deadlock" || way == "return" {
		close(stop)
		for range workers {
			<-done
		}
	}
	die(way)
}

// work makes the calls of one worker.
func work(w int, enough int64, reached, stop chan struct{}) {
	for n := w; ; n += workers {
		select {
		case <-stop:
			return
		default:
		}
		order(n)
		fmt.Fprintln(os.Stdout, n) // one write: numbers of several workers do not mix
		if acknowledged.Add(1) == enough {
			close(reached)
		}
	}
}

// order is recorded with two calls within it.
//
//monitor:trace
func order(n int) float64 {
	price, err := price(n)
	if err != nil {
		return 0
	}
	return price * discount(n)
}

var errUnlucky = errors.New("divisible by three")

// price fails for every third number.
//
//monitor:trace
func price(n int) (float64, error) {
	if n%3 == 0 {
		return 0, fmt.Errorf("price of %d: %w", n, errUnlucky)
	}
	return float64(n), nil
}

// discount survives a panic for every fiftieth number.
func discount(n int) (share float64) {
	defer func() {
		if recover() != nil {
			share = 1
		}
	}()
	return rebate(n)
}

//monitor:trace
func rebate(n int) float64 {
	if n%50 == 0 {
		panic("no rebate")
	}
	return 0.5
}

// die ends the process in one of many ways.
func die(way string) {
	switch way {
	case "return":
	case "exit":
		os.Exit(3)
	case "log.Fatal":
		log.Fatal("fatal")
	case "panic":
		panic("in main")
	case "panic in a goroutine":
		go panics()
		select {}
	case "nil pointer":
		var p *int
		go func() { fmt.Println(*p) }()
		select {}
	case "stack overflow":
		debug.SetMaxStack(2 << 20)
		fmt.Println(deeper(0))
	case "concurrent map write":
		m := make(map[int]int)
		for w := range workers {
			go func() {
				for n := 0; ; n++ {
					m[w] = n
				}
			}()
		}
		select {}
	case "deadlock":
		select {}
	case "out of memory":
		for {
			piece := make([]byte, 1<<20)
			for i := range piece {
				piece[i] = 1
			}
			held = append(held, piece)
		}
	default: // by somebody else
		select {}
	}
}

// held is never given back.
var held [][]byte

//monitor:trace
func panics() { panic("in a goroutine") }

//monitor:trace
func deeper(n int) int {
	if n < 0 {
		return 0
	}
	return deeper(n+1) + 1
}
