package main

import (
	"sort"
	"time"
)

// pairs are durations without and with recording, taken together.
type pairs struct {
	plain, recorded []time.Duration
}

// measure takes n pairs, the order of each the other way round than before.
func measure(n int, plain, recorded func(i int) (time.Duration, error)) (p pairs, err error) {
	sides := []struct {
		run func(int) (time.Duration, error)
		to  *[]time.Duration
	}{{plain, &p.plain}, {recorded, &p.recorded}}
	for i := range n {
		for j := range sides {
			side := sides[(i+j)%len(sides)]
			took, err := side.run(i)
			if err != nil {
				return p, err
			}
			*side.to = append(*side.to, took)
		}
	}
	return p, nil
}

// ratio returns the median of the ratios of the pairs.
func (p pairs) ratio() float64 {
	ratios := make([]float64, len(p.plain))
	for i := range ratios {
		ratios[i] = p.recorded[i].Seconds() / p.plain[i].Seconds()
	}
	return median(ratios)
}

func median[T int64 | float64 | time.Duration](list []T) T {
	sorted := append([]T(nil), list...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	n := len(sorted)
	if n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[n/2]
}
