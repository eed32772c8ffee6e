// Package book keeps prices and positions.
package book

import (
	"cmp"
	"iter"
	"slices"
)

// Level is a price at which so much is offered.
type Level struct {
	Price float64
	Size  int
}

// Ladder is the levels of one side of a market, the best first.
type Ladder[K cmp.Ordered] struct {
	better func(a, b K) int
	keys   []K
	sizes  map[K]int
}

// Bids has the highest price first.
func Bids() *Ladder[float64] {
	return &Ladder[float64]{better: func(a, b float64) int { return cmp.Compare(b, a) }, sizes: map[float64]int{}}
}

// Asks has the lowest price first.
func Asks() *Ladder[float64] {
	return &Ladder[float64]{better: cmp.Compare[float64], sizes: map[float64]int{}}
}

// Set puts size at a key; 0 takes the level away. A feed calls it all the
// time, so only so many a second are recorded.
//
//monitor:trace group=desk.book rate=2000/s
func (l *Ladder[K]) Set(key K, size int) {
	at, there := slices.BinarySearchFunc(l.keys, key, l.better)
	switch {
	case size == 0 && there:
		l.keys = slices.Delete(l.keys, at, at+1)
		delete(l.sizes, key)
	case size > 0 && !there:
		l.keys = slices.Insert(l.keys, at, key)
		l.sizes[key] = size
	case size > 0:
		l.sizes[key] = size
	}
}

// Best returns the best key.
func (l *Ladder[K]) Best() (key K, ok bool) {
	if len(l.keys) == 0 {
		return key, false
	}
	return l.keys[0], true
}

// Levels yields keys and sizes, the best first.
//
//monitor:trace group=desk.book iter=on result=none
func (l *Ladder[K]) Levels() iter.Seq2[K, int] {
	return func(yield func(K, int) bool) {
		for _, key := range l.keys {
			if !yield(key, l.sizes[key]) {
				return
			}
		}
	}
}
