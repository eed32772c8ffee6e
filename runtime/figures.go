package runtime

import (
	"encoding/binary"
	"math"
	"runtime/metrics"
	"sync"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// How the process is goes into the spool about once a second, beside the calls.
// There is no goroutine to do it: a call that has ended does, so an idle process
// says nothing. It takes some ten microseconds, allocates nothing, and is in no call's
// duration but those of its callers.

// figuresEvery is how often, in nanoseconds.
const figuresEvery = int64(1e9)

// figures are those of this process.
var figures processFigures

// processFigures is what it takes to read them.
type processFigures struct {
	mu      sync.Mutex
	next    int64 // of nanotime
	samples []metrics.Sample
	pauses  []uint64 // of the last time, by bucket
	sum     uint64   // nanoseconds of pauses
	record  [wire.SmallBodyAt + 8*figureCount]byte
}

const figureCount = 9

// names of runtime/metrics, in the order of samples.
var figureNames = [...]string{
	"/memory/classes/heap/objects:bytes",
	"/gc/heap/goal:bytes",
	"/sched/goroutines:goroutines",
	"/gc/cycles/total:gc-cycles",
	"/sched/pauses/total/gc:seconds",
}

// startFigures reads the metrics for the first time, which allocates. recording.mu is held.
func startFigures() {
	f := &figures
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.samples == nil {
		f.samples = make([]metrics.Sample, len(figureNames))
		for i, name := range figureNames {
			f.samples[i].Name = name
		}
	}
	metrics.Read(f.samples)
	f.takePauses()
	f.next = 0
}

// reportFigures writes the figures if it is time. It is called between raceQuiet
// and raceLoud.
//
//go:norace
func (sp *spool) reportFigures(now int64) {
	f := &figures
	if !f.mu.TryLock() {
		return
	}
	if now >= f.next {
		f.next = now + figuresEvery
		raceLoud()
		metrics.Read(f.samples)
		longest := f.takePauses()
		values := [figureCount]uint64{
			uint64(wallTime(now)), cpuTime(), residentBytes(),
			f.number(0), f.number(1), f.number(2), f.number(3), f.sum, longest,
		}
		raceQuiet()
		record := f.record[:]
		binary.LittleEndian.PutUint64(record, wire.Word(len(record), wire.KindFigures, 0, 0))
		for i, v := range values {
			binary.LittleEndian.PutUint64(record[wire.SmallBodyAt+8*i:], v)
		}
		sp.report(record, now)
	}
	f.mu.Unlock()
}

// number is a sample that is a number.
//
//go:norace
func (f *processFigures) number(i int) uint64 {
	if v := f.samples[i].Value; v.Kind() == metrics.KindUint64 {
		return v.Uint64()
	}
	return wire.Unknown // this version of Go does not have it
}

// takePauses adds the pauses since the last time to the sum and returns the
// longest. Go tells how many were in each span of time: each counts as the
// middle of its span, which is off by less than a tenth.
//
//go:norace
func (f *processFigures) takePauses() (longest uint64) {
	v := f.samples[len(f.samples)-1].Value
	if v.Kind() != metrics.KindFloat64Histogram {
		f.sum = wire.Unknown
		return wire.Unknown
	}
	h := v.Float64Histogram()
	if len(f.pauses) != len(h.Counts) {
		f.pauses = make([]uint64, len(h.Counts))
	}
	for i, n := range h.Counts {
		if more := n - f.pauses[i]; more > 0 {
			longest = middle(h.Buckets[i], h.Buckets[i+1])
			f.sum += more * longest
			f.pauses[i] = n
		}
	}
	return longest
}

// middle is that of a span in seconds, in nanoseconds.
//
//go:norace
func middle(low, high float64) uint64 {
	switch {
	case math.IsInf(low, 0):
		low = 0
	case math.IsInf(high, 0):
		high = low
	}
	return uint64((low + high) / 2 * 1e9)
}
