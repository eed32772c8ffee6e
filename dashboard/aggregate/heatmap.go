package aggregate

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Heatmap counts calls by their start and their duration: columns are steps of
// time, rows are half octaves of duration.
type Heatmap struct {
	From, Step int64 // nanoseconds
	calls      map[place]int64
	errors     map[int64]int64
}

type place struct{ column, row int64 }

// NewHeatmap returns one whose column 0 begins at from.
func NewHeatmap(from, step int64) *Heatmap {
	return &Heatmap{From: from, Step: step, calls: map[place]int64{}, errors: map[int64]int64{}}
}

// Add adds the calls of a cell. What the cell cannot tell is which duration a
// failed call had: errors are counted by column.
func (h *Heatmap) Add(c *query.Cell) {
	column := (c.Start - h.From) / h.Step
	h.errors[column] += c.Errors
	c.Durations.Each(func(low, high int64, n uint64) {
		h.calls[place{column, rowOf(low + (high-low)/2)}] += int64(n)
	})
}

// Span returns the first column that has calls, and the one behind the last; 0 and 0 of none.
func (h *Heatmap) Span() (first, end int64) {
	for column := range h.errors { // of every column that Add was told of
		if first == end {
			first, end = column, column+1
		}
		first, end = min(first, column), max(end, column+1)
	}
	return first, end
}

// Begin makes a later column the first one; those before it have no calls.
func (h *Heatmap) Begin(column int64) {
	calls, errors := h.calls, h.errors
	h.From, h.calls, h.errors = h.From+column*h.Step, map[place]int64{}, map[int64]int64{}
	for p, n := range calls {
		h.calls[place{p.column - column, p.row}] = n
	}
	for at, n := range errors {
		h.errors[at-column] = n
	}
}

// rowOf returns the half octave of a duration.
func rowOf(ns int64) int64 {
	if ns < 2 {
		return 0
	}
	octave := int64(bits.Len64(uint64(ns))) - 1
	row := 2 * octave
	if ns >= halfway(octave) {
		row++
	}
	return row
}

// halfway is one and a half times the octave's begin.
func halfway(octave int64) int64 { return 1<<octave + 1<<octave/2 }

// rowBounds returns the lowest duration of a row and that of the next.
func rowBounds(row int64) (low, high int64) {
	octave := row / 2
	if row%2 == 0 {
		return 1 << octave, halfway(octave)
	}
	return halfway(octave), 1 << (octave + 1)
}

// HeatRow is a range of durations, high not included.
type HeatRow struct{ Low, High int64 }

// HeatCell has how many calls started in a column with a duration of a row.
type HeatCell struct{ Column, Row, Calls int64 }

// Cells returns the rows between the lowest and the highest that have calls, and
// the cells that have some, by column and row; Row is an index into rows.
func (h *Heatmap) Cells() (rows []HeatRow, cells []HeatCell, most int64) {
	if len(h.calls) == 0 {
		return nil, nil, 0
	}
	low, high := int64(1<<62), int64(0)
	for p := range h.calls {
		low, high = min(low, p.row), max(high, p.row)
	}
	for row := low; row <= high; row++ {
		from, to := rowBounds(row)
		rows = append(rows, HeatRow{from, to})
	}
	for p, n := range h.calls {
		cells = append(cells, HeatCell{p.column, p.row - low, n})
		most = max(most, n)
	}
	slices.SortFunc(cells, func(a, b HeatCell) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Row, b.Row))
	})
	return rows, cells, most
}

// Errors returns the failed calls of each column that has some.
func (h *Heatmap) Errors() [][2]int64 {
	var all [][2]int64
	for column, n := range h.errors {
		if n > 0 {
			all = append(all, [2]int64{column, n})
		}
	}
	slices.SortFunc(all, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	return all
}
