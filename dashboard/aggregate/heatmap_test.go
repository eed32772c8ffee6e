package aggregate

import (
	"reflect"
	"testing"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// A map can be made as wide as its calls.
func TestHeatmapSpan(t *testing.T) {
	h := NewHeatmap(1000, 10)
	if first, end := h.Span(); first != 0 || end != 0 {
		t.Errorf("a map without calls goes from %d to %d", first, end)
	}
	for _, start := range []int64{1050, 1030} {
		durations := new(histogram.Histogram)
		durations.Record(300)
		h.Add(&query.Cell{Start: start, Calls: 1, Errors: 1, Durations: durations})
	}
	if first, end := h.Span(); first != 3 || end != 6 {
		t.Errorf("it goes from %d to %d, want 3 to 6", first, end)
	}
	h.Begin(3)
	_, cells, _ := h.Cells()
	if want := []HeatCell{{0, 0, 1}, {2, 0, 1}}; !reflect.DeepEqual(cells, want) || h.From != 1030 {
		t.Errorf("cells %v from %d, want %v from 1030", cells, h.From, want)
	}
	if want := [][2]int64{{0, 1}, {2, 1}}; !reflect.DeepEqual(h.Errors(), want) {
		t.Errorf("errors %v, want %v", h.Errors(), want)
	}
}
