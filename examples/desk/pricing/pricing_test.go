package pricing

import (
	"errors"
	"math"
	"testing"
)

var options = []Option{
	{Call, 100, 100, 0.05, 0.2, 1},
	{Put, 100, 100, 0.05, 0.2, 1},
	{Call, 120, 80, 0.01, 0.6, 0.1},
	{Put, 80, 120, 0, 0.35, 2},
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestKnownPrice(t *testing.T) {
	// Hull, Options, Futures and Other Derivatives: S=42, K=40, r=10 %, 20 %, half a year.
	call, put := Option{Call, 42, 40, 0.1, 0.2, 0.5}, Option{Put, 42, 40, 0.1, 0.2, 0.5}
	if got := Price(call); !near(got, 4.76, 0.005) {
		t.Errorf("call %g, want 4.76", got)
	}
	if got := Price(put); !near(got, 0.81, 0.005) {
		t.Errorf("put %g, want 0.81", got)
	}
}

func TestPutCallParity(t *testing.T) {
	for _, o := range options {
		call, put := o, o
		call.Kind, put.Kind = Call, Put
		want := o.Spot - o.Strike*math.Exp(-o.Rate*o.Years)
		if got := Price(call) - Price(put); !near(got, want, 1e-9) {
			t.Errorf("%+v: call minus put is %g, want %g", o, got, want)
		}
	}
}

func TestGreeksAreDerivatives(t *testing.T) {
	const h = 1e-4
	slope := func(o Option, move func(*Option, float64)) float64 {
		up, down := o, o
		move(&up, h)
		move(&down, -h)
		return (Price(up) - Price(down)) / (2 * h)
	}
	for _, o := range options {
		g := Sensitivities(o)
		up, down := o, o
		up.Spot, down.Spot = o.Spot+0.01, o.Spot-0.01
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"delta", g.Delta, slope(o, func(o *Option, d float64) { o.Spot += d })},
			{"vega", g.Vega, slope(o, func(o *Option, d float64) { o.Volatility += d })},
			{"rho", g.Rho, slope(o, func(o *Option, d float64) { o.Rate += d })},
			{"theta", g.Theta, -slope(o, func(o *Option, d float64) { o.Years += d })},
			{"gamma", g.Gamma, (Price(up) - 2*Price(o) + Price(down)) / 1e-4},
		} {
			if !near(c.got, c.want, 1e-4*(1+math.Abs(c.want))) {
				t.Errorf("%+v: %s is %g, by differences %g", o, c.name, c.got, c.want)
			}
		}
	}
}

func TestImpliedVolatility(t *testing.T) {
	for _, o := range options {
		got, err := ImpliedVolatility(o, Price(o))
		if err != nil || !near(got, o.Volatility, 1e-6) {
			t.Errorf("%+v: %g, %v", o, got, err)
		}
	}
	if _, err := ImpliedVolatility(options[0], 1000); !errors.Is(err, ErrNoVolatility) {
		t.Errorf("a price above the spot: %v", err)
	}
}

func TestSensitivitiesPanicsOnNonsense(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Sensitivities(Option{Spot: 1, Strike: 1})
}
