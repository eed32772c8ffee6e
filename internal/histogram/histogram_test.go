package histogram

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBucketsAreGaplessAndNarrow(t *testing.T) {
	next := int64(0)
	for b := range buckets {
		low, high := bounds(b)
		if low != next || high < low {
			t.Fatalf("bucket %d is %d..%d, want it to begin at %d", b, low, high, next)
		}
		if bucketOf(low) != b || bucketOf(high) != b {
			t.Fatalf("bucket %d (%d..%d): its ends are in %d and %d", b, low, high, bucketOf(low), bucketOf(high))
		}
		if width := high - low + 1; width > 1 && width > low/perOctave {
			t.Fatalf("bucket %d (%d..%d) is wider than 1/%d", b, low, high, perOctave)
		}
		next = high + 1
	}
	if next != math.MinInt64 { // one above math.MaxInt64
		t.Errorf("the last bucket ends at %d", next-1)
	}
	if bucketOf(-5) != 0 {
		t.Errorf("a negative duration is in bucket %d", bucketOf(-5))
	}
}

func TestQuantilesAgainstSorted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []float64{0, 0.5, 3} {
		var h Histogram
		var all []int64
		for range 10_000 {
			d := int64(20_000 * math.Exp(spread*random.NormFloat64()))
			all = append(all, d)
			h.Record(d)
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
			if got := h.Quantile(q); math.Abs(float64(got-want)) > float64(want)/64 {
				t.Errorf("spread %v, q %v: %d, want %d", spread, q, got, want)
			}
		}
	}
	if got := new(Histogram).Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %d", got)
	}
}

func TestEncodedTwiceIsTheSum(t *testing.T) {
	var a, b, both Histogram
	for i := range int64(2_000) {
		a.Record(i * i)
		b.Record(i * 1_000_003)
		both.Record(i * i)
		both.Record(i * 1_000_003)
	}
	b.Record(math.MaxInt64)
	both.Record(math.MaxInt64)
	var merged Histogram
	for _, h := range []*Histogram{&a, &b} {
		if err := merged.Merge(h.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(merged.Append(nil), both.Append(nil)) || merged.Count() != 4_001 {
		t.Errorf("%d counted, and other buckets than at once", merged.Count())
	}
	if sum, err := AppendSum([]byte("x"), a.Append(nil), b.Append(nil)); err != nil || !bytes.Equal(sum[1:], both.Append(nil)) {
		t.Errorf("AppendSum gives other buckets than Merge: %v", err)
	}
	if sum, err := AppendSum(nil, nil, a.Append(nil)); err != nil || !bytes.Equal(sum, a.Append(nil)) {
		t.Errorf("the sum with nothing: %v", err)
	}
	a.Add(&b)
	if !bytes.Equal(a.Append(nil), both.Append(nil)) {
		t.Error("Add gives other buckets than Merge")
	}
	a.Reset()
	if a.Count() != 0 || len(a.Append(nil)) != 0 {
		t.Errorf("after Reset: %d in %d bytes", a.Count(), len(a.Append(nil)))
	}
	var n uint64
	last := int64(-1)
	both.Each(func(low, high int64, count uint64) {
		if low <= last || high < low {
			t.Errorf("bucket %d..%d after %d", low, high, last)
		}
		n, last = n+count, high
	})
	if n != 4_001 {
		t.Errorf("Each saw %d", n)
	}
}

func TestDamagedBytes(t *testing.T) {
	for name, b := range map[string][]byte{
		"cut gap":         {0x80},
		"no count":        {5},
		"count of 0":      {5, 0},
		"bucket twice":    {5, 1, 0, 1},
		"bucket too high": {0xff, 0xff, 0x01, 1},
		"sum too high":    {0xd0, 0x0e, 1, 0xd0, 0x0e, 1},
		"overflow":        bytes.Repeat([]byte{0xff}, 11),
	} {
		if err := new(Histogram).Merge(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := AppendSum(nil, b, []byte{5, 1}); !errors.Is(err, ErrDamaged) || Valid(b) {
			t.Errorf("%s: a sum of it is taken: %v", name, err)
		}
	}
}

func FuzzMerge(f *testing.F) {
	var h Histogram
	for i := range int64(100) {
		h.Record(i * i * i)
	}
	f.Add(h.Append(nil))
	f.Add([]byte{5, 1, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, again Histogram
		if err := h.Merge(b); err != nil {
			return
		}
		encoded := h.Append(nil)
		sum, err := AppendSum(nil, b, b)
		if err != nil {
			t.Errorf("%x: %v", b, err)
		}
		if err := new(Histogram).Merge(sum); h.Count() < maxCount/2 && err != nil {
			t.Errorf("twice %x is %x: %v", b, sum, err)
		}
		if err := again.Merge(encoded); err != nil || again.Count() != h.Count() || again.Quantile(0.5) != h.Quantile(0.5) {
			t.Errorf("%x encodes to %x, which reads as %d of %d (%v)", b, encoded, again.Count(), h.Count(), err)
		}
	})
}
