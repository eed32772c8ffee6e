// Package pricing values European options by Black and Scholes (The Pricing of
// Options and Corporate Liabilities, 1973).
//
//monitor:package group=desk.pricing
package pricing

import (
	"errors"
	"fmt"
	"math"
)

// Kind is the right that an option gives.
type Kind int

// The kinds of options.
const (
	Call Kind = iota
	Put
)

func (k Kind) String() string {
	if k == Put {
		return "put"
	}
	return "call"
}

// Option is a European option and the market it is valued in.
type Option struct {
	Kind       Kind
	Spot       float64 // price of the underlying
	Strike     float64
	Rate       float64 // continuously compounded, a year
	Volatility float64 // a year
	Years      float64 // to expiry
}

// Greeks are the derivatives of an option's price.
type Greeks struct {
	Delta float64 // by the spot
	Gamma float64 // twice by the spot
	Vega  float64 // by the volatility
	Theta float64 // by time passing, a year
	Rho   float64 // by the rate
}

// ErrNoVolatility says that no volatility explains a price.
var ErrNoVolatility = errors.New("pricing: no volatility gives this price")

// Price values an option.
func Price(o Option) float64 {
	d1, d2 := o.d()
	discount := math.Exp(-o.Rate * o.Years)
	if o.Kind == Put {
		return o.Strike*discount*normal(-d2) - o.Spot*normal(-d1)
	}
	return o.Spot*normal(d1) - o.Strike*discount*normal(d2)
}

// Sensitivities values the greeks of an option. It panics on an option that
// cannot be: a desk wants to hear of that.
func Sensitivities(o Option) Greeks {
	if o.Volatility <= 0 || o.Years <= 0 {
		panic(fmt.Sprintf("pricing: no greeks at volatility %g with %g years to go", o.Volatility, o.Years))
	}
	d1, d2 := o.d()
	root, discount := math.Sqrt(o.Years), math.Exp(-o.Rate*o.Years)
	g := Greeks{
		Delta: normal(d1),
		Gamma: density(d1) / (o.Spot * o.Volatility * root),
		Vega:  o.Spot * density(d1) * root,
		Theta: -o.Spot*density(d1)*o.Volatility/(2*root) - o.Rate*o.Strike*discount*normal(d2),
		Rho:   o.Strike * o.Years * discount * normal(d2),
	}
	if o.Kind == Put {
		g.Delta--
		g.Theta += o.Rate * o.Strike * discount
		g.Rho -= o.Strike * o.Years * discount
	}
	return g
}

// ImpliedVolatility finds the volatility at which the option has the price:
// Newton's steps, halved intervals where those leave them.
func ImpliedVolatility(o Option, price float64) (float64, error) {
	low, high := 1e-4, 5.0
	o.Volatility = high
	if tooHigh := Price(o); price > tooHigh {
		return 0, fmt.Errorf("%w: %g is above %g", ErrNoVolatility, price, tooHigh)
	}
	o.Volatility = low
	if tooLow := Price(o); price < tooLow {
		return 0, fmt.Errorf("%w: %g is below %g", ErrNoVolatility, price, tooLow)
	}
	o.Volatility = 0.3
	for range 100 {
		miss := Price(o) - price
		if math.Abs(miss) < 1e-9 {
			break
		}
		if miss > 0 {
			high = o.Volatility
		} else {
			low = o.Volatility
		}
		next := o.Volatility - miss/Sensitivities(o).Vega
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		o.Volatility = next
	}
	return o.Volatility, nil
}

// d returns the two arguments of the normal distribution in the formula. It
// is called for every price and says nothing that the price does not.
//
//monitor:skip
func (o Option) d() (d1, d2 float64) {
	spread := o.Volatility * math.Sqrt(o.Years)
	d1 = (math.Log(o.Spot/o.Strike) + (o.Rate+o.Volatility*o.Volatility/2)*o.Years) / spread
	return d1, d1 - spread
}

// normal is the distribution function. One call in a hundred is enough to see
// what it costs.
//
//monitor:trace sample=0.01 name=normal_cdf
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

//monitor:skip
func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
