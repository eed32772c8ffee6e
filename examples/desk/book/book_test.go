package book

import (
	"slices"
	"testing"
)

func TestLadderOrder(t *testing.T) {
	bids, asks := Bids(), Asks()
	for _, price := range []float64{10, 12, 11, 12, 9} {
		bids.Set(price, 1)
		asks.Set(price, 1)
	}
	bids.Set(12, 5)
	asks.Set(9, 0)
	keys := func(l *Ladder[float64]) (out []float64) {
		for key := range l.Levels() {
			out = append(out, key)
		}
		return out
	}
	if got := keys(bids); !slices.Equal(got, []float64{12, 11, 10, 9}) {
		t.Errorf("bids %v", got)
	}
	if got := keys(asks); !slices.Equal(got, []float64{10, 11, 12}) {
		t.Errorf("asks %v", got)
	}
	for _, size := range bids.Levels() {
		if size != 5 {
			t.Errorf("best bid has size %d, want 5", size)
		}
		break
	}
	if _, ok := Asks().Best(); ok {
		t.Error("an empty ladder has a best level")
	}
}

func TestProfit(t *testing.T) {
	var p Positions
	p.Fill("ACME", 10, 100)
	p.Fill("ACME", -4, 110)
	p.Fill("BOLT", -2, 50)
	if got := p.Of("ACME"); got.Quantity != 6 || got.Cost != 560 {
		t.Errorf("position %+v", got)
	}
	// 6 at 105 less 560, and two sold at 50 worth 45 now.
	if got := p.Profit(map[string]float64{"ACME": 105, "BOLT": 45}); got != 6*105-560+2*50-2*45 {
		t.Errorf("profit %g", got)
	}
}
