// Package histogram counts durations in buckets that grow with the duration.
//
// In: durations in nanoseconds. Out: counts and quantiles, and the encoded form
// that the rollup tables of a database keep (docs/schema.md).
// May import: the standard library. The write path and the query side share it.
//
// The buckets are log-linear, as those of HdrHistogram: 32 of equal width in
// each octave. So every duration up to 63 ns has a bucket of its own, and above
// that a bucket is at most 1/32 of its durations wide.
package histogram

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// perOctave is how many buckets share a power of two.
const (
	octaveBits = 5
	perOctave  = 1 << octaveBits
)

// buckets is how many there are: the last holds math.MaxInt64.
const buckets = (63-octaveBits-1)*perOctave + 2*perOctave

// maxCount bounds the count of a bucket, so that sums stay in an int64.
const maxCount = 1 << 50

// ErrDamaged is for bytes that no Histogram encodes to.
var ErrDamaged = errors.New("not an encoded histogram")

// Histogram counts durations. The zero value is empty. It takes eight bytes for
// each bucket between the lowest and the highest in use, and two octaves more at most
// on either side.
type Histogram struct {
	first  int // the bucket that counts[0] is of
	counts []uint64
	total  uint64
}

// bucketOf returns the bucket of a duration; negative ones count as 0.
func bucketOf(ns int64) int {
	if ns < 2*perOctave {
		return int(max(ns, 0))
	}
	shift := bits.Len64(uint64(ns)) - octaveBits - 1
	return shift<<octaveBits + int(ns>>shift)
}

// bounds returns the lowest and the highest duration of a bucket.
func bounds(bucket int) (low, high int64) {
	if bucket < 2*perOctave {
		return int64(bucket), int64(bucket)
	}
	shift := bucket>>octaveBits - 1
	low = int64(bucket-shift<<octaveBits) << shift
	return low, low + 1<<shift - 1
}

// Record counts a duration.
func (h *Histogram) Record(ns int64) { h.add(bucketOf(ns), 1) }

// RecordMany counts so many calls with a duration that is in the same bucket as this one.
func (h *Histogram) RecordMany(ns int64, calls uint64) { h.add(bucketOf(ns), calls) }

// Lows returns the lowest duration of every bucket but the first, which begins at 0.
func Lows() []int64 {
	lows := make([]int64, buckets-1)
	for i := range lows {
		lows[i], _ = bounds(i + 1)
	}
	return lows
}

func (h *Histogram) add(bucket int, n uint64) {
	if i := bucket - h.first; uint(i) < uint(len(h.counts)) {
		h.counts[i] += n
	} else {
		h.widen(bucket)
		h.counts[bucket-h.first] += n
	}
	h.total += n
}

// widen makes room for a bucket, for an octave around the first and two more on the
// side of another.
func (h *Histogram) widen(bucket int) {
	low, high := bucket-perOctave/2, bucket+perOctave/2
	if len(h.counts) > 0 {
		low, high = h.first, h.first+len(h.counts)
		if bucket < low {
			low = bucket - 2*perOctave
		} else {
			high = bucket + 2*perOctave
		}
	}
	low, high = max(low, 0), min(high, buckets)
	wider := make([]uint64, high-low)
	if len(h.counts) > 0 {
		copy(wider[h.first-low:], h.counts)
	}
	h.first, h.counts = low, wider
}

// Reset empties the histogram and keeps its memory.
func (h *Histogram) Reset() {
	clear(h.counts)
	h.total = 0
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return int64(h.total) }

// Quantile returns a duration that a share q of the counted ones, from 0 to 1,
// does not exceed: the middle of the bucket that the nearest rank falls into. It
// is off by at most 1/64, 1.6 %. It is 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) int64 {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) {
		rank++
	}
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			low, high := bounds(h.first + i)
			return low + (high-low)/2
		}
	}
	return 0
}

// Each calls do for every bucket that is not empty, by ascending durations, with
// its lowest and highest duration and its count.
func (h *Histogram) Each(do func(low, high int64, count uint64)) {
	for i, n := range h.counts {
		if n > 0 {
			low, high := bounds(h.first + i)
			do(low, high, n)
		}
	}
}

// Add adds the counts of another histogram.
func (h *Histogram) Add(other *Histogram) {
	for i, n := range other.counts {
		if n > 0 {
			h.add(other.first+i, n)
		}
	}
}

// Append appends the encoded histogram: for every bucket that is not empty, in
// ascending order, how many buckets it comes after the one before (the first:
// its number) and its count, both as unsigned varints. An empty one has no bytes.
func (h *Histogram) Append(b []byte) []byte {
	last := 0
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(h.first+i-last))
		b = binary.AppendUvarint(b, n)
		last = h.first + i
	}
	return b
}

// Merge adds an encoded histogram. Bytes that are none give ErrDamaged, and may
// have been added in part.
func (h *Histogram) Merge(encoded []byte) error {
	r := reader{rest: encoded}
	for r.next() {
		h.add(r.bucket, r.count)
		h.mergeBytes(&r)
	}
	return r.err
}

// mergeBytes adds the next buckets as far as gap and count are a byte each and there
// is room for them, as nearly all are: a bucket takes some two nanoseconds.
func (h *Histogram) mergeBytes(r *reader) {
	b, at, total := r.rest, r.bucket-h.first, h.total
	n := 0
	for ; n+1 < len(b); n += 2 {
		gap, count := b[n], b[n+1]
		if gap == 0 || count == 0 || (gap|count) >= 0x80 || at+int(gap) >= len(h.counts) {
			break
		}
		at += int(gap)
		h.counts[at] += uint64(count)
		total += uint64(count)
	}
	r.rest, r.bucket, h.total = b[n:], at+h.first, total
}

// Valid reports whether bytes are an encoded histogram.
func Valid(encoded []byte) bool {
	r := reader{rest: encoded}
	for r.next() {
	}
	return r.err == nil
}

// AppendSum appends the encoded sum of two encoded histograms.
func AppendSum(to, a, b []byte) ([]byte, error) {
	x, y := reader{rest: a}, reader{rest: b}
	inX, inY := x.next(), y.next()
	for last := 0; inX || inY; {
		bucket, count := x.bucket, x.count
		takeX, takeY := inX && (!inY || x.bucket <= y.bucket), inY && (!inX || y.bucket <= x.bucket)
		switch {
		case takeX && takeY:
			count += y.count
		case takeY:
			bucket, count = y.bucket, y.count
		}
		to = binary.AppendUvarint(to, uint64(bucket-last))
		to = binary.AppendUvarint(to, count)
		last = bucket
		if takeX {
			inX = x.next()
		}
		if takeY {
			inY = y.next()
		}
	}
	return to, errors.Join(x.err, y.err)
}

// reader reads an encoded histogram, a bucket after the other.
type reader struct {
	rest   []byte
	begun  bool
	bucket int
	count  uint64
	err    error // ErrDamaged
}

// next reports whether there is another bucket.
func (r *reader) next() bool {
	b := r.rest
	if len(b) == 0 {
		return false
	}
	var gap, count uint64
	if len(b) > 1 && b[0]|b[1] < 0x80 { // nearly always
		gap, count, r.rest = uint64(b[0]), uint64(b[1]), b[2:]
	} else {
		n, m := 0, 0
		if gap, n = binary.Uvarint(b); n > 0 {
			count, m = binary.Uvarint(b[n:])
		}
		if m <= 0 || gap >= buckets {
			return r.damaged()
		}
		r.rest = b[n+m:]
	}
	bucket := r.bucket + int(gap)
	if gap == 0 && r.begun || bucket >= buckets || count == 0 || count > maxCount {
		return r.damaged()
	}
	r.begun, r.bucket, r.count = true, bucket, count
	return true
}

func (r *reader) damaged() bool {
	r.rest, r.err = nil, ErrDamaged
	return false
}
