package main

import (
	"flag"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/bench/inplace"
	"github.com/monitorgen/monitorgen/bench/overlay"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// warmUp is how many calls go around the whole spool, of 64 MiB, before anything is
// measured: the pages of its files are new until then.
const warmUp = 600_000

// measured is one way to make a call.
type measured struct {
	name string
	note string
	each int         // calls of one run of loop's body
	loop func(n int) // makes n rounds
	with func() (stop func())

	nanos  []float64 // a call, by round
	allocs float64   // a call
}

func main() {
	rounds := flag.Int("rounds", 15, "measure everything `N` times, in turns")
	span := flag.Duration("span", 40*time.Millisecond, "for about `D` each time")
	flag.Parse()
	if err := run(*rounds, *span); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(rounds int, span time.Duration) error {
	dir, err := os.MkdirTemp("", "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	off := []*measured{
		{name: "floor", note: "two readings of the recorder's clock, a copy of 100 bytes"},
		{name: "bare", note: "the function, not recorded", loop: func(n int) { calls(n, overlay.Bare) }},
		{name: "off, overlay", loop: func(n int) { calls(n, overlay.Price) }},
		{name: "off, in place", loop: func(n int) { calls(n, inplace.Price) }},
	}
	on := []*measured{
		{name: "recorded, overlay", loop: func(n int) { calls(n, overlay.Price) }},
		{name: "recorded, in place", loop: func(n int) { calls(n, inplace.Price) }},
		{name: "an error", note: "in place", loop: func(n int) { failures(n, inplace.Price) }},
		{name: "sampled out", note: "overlay, sample=0", loop: func(n int) { calls(n, overlay.Sampled) }},
		{name: "nested", note: "each of 32 calls within each other", each: 33, loop: nested},
		{name: "on every core", note: "wall clock a call, all cores at once", loop: parallel},
		{name: "first of a goroutine", note: "above a goroutine that calls the function unrecorded", loop: goroutines(overlay.Price)},
	}
	base := &measured{name: "goroutine", note: "that calls the function, not recorded", loop: goroutines(overlay.Bare)}
	peers, stop := others()
	defer stop()

	if off[0].loop, err = floorOf(dir); err != nil {
		return err
	}
	for range rounds {
		for _, m := range append(append(slices.Clone(off), base), peers...) {
			m.measure(span)
		}
		if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
			return err
		}
		drained := drain(dir)
		calls(warmUp, overlay.Price)
		for _, m := range on {
			m.measure(span)
		}
		drained()
		if d := monitor.Stats().Dropped; d > 0 {
			fmt.Fprintf(os.Stderr, "bench: %d calls of a round were dropped: its figures flatter\n", d)
		}
		if err := monitor.Stop(); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	first := on[len(on)-1]
	for i := range first.nanos {
		first.nanos[i] -= base.nanos[i]
	}
	report(append(append(off, on...), peers...))
	return nil
}

// measure makes calls for about span and notes what one took.
func (m *measured) measure(span time.Duration) {
	if m.each == 0 {
		m.each = 1
	}
	if m.with != nil {
		defer m.with()()
	}
	n := 100
	for {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		start := time.Now()
		m.loop(n)
		took := time.Since(start)
		goruntime.ReadMemStats(&after)
		if took >= span/2 {
			m.nanos = append(m.nanos, float64(took.Nanoseconds())/float64(n*m.each))
			m.allocs = float64(after.Mallocs-before.Mallocs) / float64(n*m.each)
			return
		}
		n = max(2*n, min(100*n, int(float64(n)*float64(span)/float64(took+1))))
	}
}

// report prints the table. A ratio is the median of those of the rounds: what
// else the machine does meets the floor of a round as well as the rest of it.
func report(all []*measured) {
	floor := all[0]
	fmt.Printf("%s %s/%s, %d cores, clock: %s\n\n", goruntime.Version(), goruntime.GOOS, goruntime.GOARCH, goruntime.NumCPU(), clock)
	fmt.Println("| | ns a call, median | least | to the floor | least to least | allocations |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, m := range all {
		name := m.name
		if m.note != "" {
			name += " (" + m.note + ")"
		}
		ratios := make([]float64, len(m.nanos))
		for i := range ratios {
			ratios[i] = m.nanos[i] / floor.nanos[i]
		}
		least := slices.Min(m.nanos)
		fmt.Printf("| %s | %.1f | %.1f | %.2f | %.2f | %.1f |\n", name, median(m.nanos), least, median(ratios), least/slices.Min(floor.nanos), m.allocs)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

type price = func(qty int, symbol string, price float64) (float64, error)

func calls(n int, f price) {
	for i := range n {
		f(i, "ACME", 2.5)
	}
}

func failures(n int, f price) {
	for range n {
		f(-1, "ACME", 2.5)
	}
}

func nested(n int) {
	for range n {
		overlay.Nested(32)
	}
}

func parallel(n int) {
	cores := goruntime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for range cores {
		wg.Go(func() { calls(n/cores, overlay.Price) })
	}
	wg.Wait()
}

// goroutines makes n goroutines, one after the other, each with one call.
func goroutines(f price) func(n int) {
	return func(n int) {
		done := make(chan struct{})
		for i := range n {
			go func() {
				f(i, "ACME", 2.5)
				done <- struct{}{}
			}()
			<-done
		}
	}
}
