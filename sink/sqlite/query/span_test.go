package query

import (
	"math"
	"reflect"
	"testing"
	"time"
)

func TestWithout(t *testing.T) {
	tests := []struct {
		spans []span
		ids   []int64
		want  []span
	}{
		{[]span{{0, math.MaxInt64}}, []int64{3, 4, 9}, []span{{0, 2}, {5, 8}, {10, math.MaxInt64}}},
		{[]span{{1, 2}, {5, 5}, {7, 9}}, []int64{1, 5, 6, 9}, []span{{2, 2}, {7, 8}}},
		{[]span{{1, 2}}, []int64{0, 8}, []span{{1, 2}}},
		{[]span{{1, 2}}, nil, []span{{1, 2}}},
	}
	for _, tt := range tests {
		if got := without(tt.spans, tt.ids); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("without(%v, %v) = %v, want %v", tt.spans, tt.ids, got, tt.want)
		}
	}
}

func TestClip(t *testing.T) {
	spans := []span{{0, 4}, {6, 9}, {20, math.MaxInt64}}
	tests := []struct {
		out  span
		want []span
	}{
		{span{2, 7}, []span{{0, 1}, {8, 9}, {20, math.MaxInt64}}},
		{span{7, 7}, []span{{0, 4}, {6, 6}, {8, 9}, {20, math.MaxInt64}}},
		{span{30, math.MaxInt64}, []span{{0, 4}, {6, 9}, {20, 29}}},
		{span{5, 4}, spans},
	}
	for _, tt := range tests {
		if got := clip(spans, tt.out); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("clip(%v) = %v, want %v", tt.out, got, tt.want)
		}
	}
}

func TestBoundedKeepsOpenEnds(t *testing.T) {
	spans := []span{{0, 1 << 40}}
	for i := range int64(maxSpans + 5) {
		spans = append(spans, span{1<<41 + 2*i, 1<<41 + 2*i})
	}
	open, oldest := spans[0], spans[7]
	got := bounded(spans)
	if len(got) != maxSpans || got[0] != open || got[1] != oldest {
		t.Errorf("%d spans, starting with %v", len(got), got[:2])
	}
}

func TestNearestRank(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(i + 1)
	}
	tests := []struct {
		sorted  []int64
		percent int
		want    time.Duration
	}{
		{[]int64{7}, 50, 7}, {[]int64{7}, 99, 7}, {[]int64{1, 2}, 50, 1}, {[]int64{1, 2}, 95, 2},
		{[]int64{1, 2, 3}, 50, 2}, {hundred, 50, 50}, {hundred, 95, 95}, {hundred, 99, 99},
	}
	for _, tt := range tests {
		if got := nearestRank(tt.sorted, tt.percent); got != tt.want {
			t.Errorf("nearestRank of %d at %d = %d, want %d", len(tt.sorted), tt.percent, got, tt.want)
		}
	}
}
