package runtime

import (
	"encoding/binary"
	"math"
	"reflect"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Long lists of numbers, and matrices, are recorded as a summary. So that it
// costs the same however long they are, it looks at no more than maxNumbers of
// them, at equal distances; the first and the last are always those.

const maxNumbers = 1 << 10

// Numbers collects the numbers of a summary. For generated code.
type Numbers struct {
	Step int // between the numbers to be added; 0: the list is short and has no summary

	rows, columns, count        int
	first, last, low, high, sum float64
}

// Numbers begins the summary of n numbers. For generated code.
//
//go:norace
func (e *Encoder) Numbers(n int) (s Numbers) {
	if n > defaultElements {
		s.rows, s.Step = n, (n+maxNumbers-1)/maxNumbers
	}
	return s
}

// Add adds the next number. For generated code.
//
//go:norace
func (s *Numbers) Add(x float64) {
	if s.count == 0 {
		s.first, s.low, s.high = x, x, x
	}
	s.count++
	s.low, s.high, s.sum = math.Min(s.low, x), math.Max(s.high, x), s.sum+x
}

// Last says what the last number of the list is. For generated code.
//
//go:norace
func (s *Numbers) Last(x float64) {
	s.last, s.low, s.high = x, math.Min(s.low, x), math.Max(s.high, x)
}

// Summary writes a summary. For generated code.
//
//go:norace
func (e *Encoder) Summary(s Numbers) {
	mean := math.NaN()
	if s.count > 0 {
		mean = s.sum / float64(s.count)
	}
	b := e.next(1 + 2*4 + 5*8)
	if b == nil {
		return
	}
	b[0] = byte(wire.TagSummary)
	binary.LittleEndian.PutUint32(b[1:], length(s.rows))
	binary.LittleEndian.PutUint32(b[5:], length(s.columns))
	for i, x := range [...]float64{s.first, s.last, s.low, s.high, mean} {
		binary.LittleEndian.PutUint64(b[9+8*i:], math.Float64bits(x))
	}
}

// Matrix writes a summary of what has rows and columns of numbers. For generated
// code, which knows that the methods may be called.
//
//go:norace
func (e *Encoder) Matrix(m interface {
	Dims() (r, c int)
	At(i, j int) float64
}) {
	e.shaped(m, m.Dims, m.At)
}

// Frame writes the shape of what has rows and columns. For generated code, which
// knows that the method may be called.
//
//go:norace
func (e *Encoder) Frame(f interface{ Dims() (r, c int) }) { e.shaped(f, f.Dims, nil) }

//go:norace
func (e *Encoder) shaped(v any, dims func() (r, c int), at func(i, j int) float64) {
	if underRace {
		e.Opaque(reflect.TypeOf(v).String()) // its methods may meet somebody who writes
		return
	}
	s, problem := e.owner.summarise(dims, at)
	if problem != "" {
		e.named(wire.TagMethodBad, problem)
		return
	}
	e.Summary(s)
}

// summarise calls the methods of a matrix under guard.
//
//go:norace
func (g *goroutine) summarise(dims func() (r, c int), at func(i, j int) float64) (s Numbers, problem string) {
	was, done := g.busy, false
	g.busy = true
	defer func() {
		g.setBusy(was)
		if !done {
			problem = "Dims or At panicked: " + badMethod(recover())
		}
	}()
	s.rows, s.columns = dims()
	if s.rows < 0 || s.columns < 0 {
		s.rows, s.columns = 0, 0
	}
	s.first, s.last, s.low, s.high = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	if n := s.rows * s.columns; at != nil && n > 0 {
		for i := 0; i < n; i += (n + maxNumbers - 1) / maxNumbers {
			s.Add(at(i/s.columns, i%s.columns))
		}
		s.Last(at(s.rows-1, s.columns-1))
	}
	done = true
	return s, ""
}
