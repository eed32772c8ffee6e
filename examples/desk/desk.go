package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/monitorgen/monitorgen/examples/desk/book"
	"github.com/monitorgen/monitorgen/examples/desk/pricing"
)

const (
	maxQuantity = 1000
	rate        = 0.03
)

// fill is an order that was traded.
type fill struct {
	Order  int
	Price  float64
	Greeks pricing.Greeks
}

// desk takes orders against the markets.
type desk struct {
	markets   map[string]*market
	positions book.Positions

	mu      sync.Mutex
	greeks  pricing.Greeks // of all that was traded
	rejects map[string]int // by reason
}

func newDesk() *desk {
	return &desk{
		markets: map[string]*market{"ACME": newMarket(0.25), "BOLT": newMarket(0.4), "CRUX": newMarket(0.3), "DUST": newMarket(0.9)},
		rejects: make(map[string]int),
	}
}

// submit trades one order or says why not. The order is opened a level deeper
// than usual, so that its account shows, masked.
//
//monitor:trace group=desk.orders depth=5
func (d *desk) submit(o order) (f fill, err error) {
	option, err := d.option(o)
	if err != nil {
		return f, err
	}
	f = fill{Order: o.ID, Price: pricing.Price(option)}
	if o.Quantity > 0 && f.Price > o.Limit || o.Quantity < 0 && f.Price < o.Limit {
		return f, &PriceError{f.Price, o.Limit}
	}
	if f.Greeks, err = d.risk(option); err != nil {
		return f, err
	}
	d.positions.Fill(fmt.Sprintf("%s %s %g", o.Symbol, o.Kind, o.Strike), o.Quantity, f.Price)
	d.book(f.Greeks, float64(o.Quantity))
	return f, nil
}

// option puts an order into its market.
//
//monitor:trace group=desk.orders
func (d *desk) option(o order) (option pricing.Option, err error) {
	m := d.markets[o.Symbol]
	switch {
	case m == nil:
		return option, &UnknownSymbolError{o.Symbol}
	case o.Quantity > maxQuantity || o.Quantity < -maxQuantity:
		return option, &LimitError{o.Quantity, maxQuantity}
	}
	spot, _, ok := m.spot()
	if !ok {
		return option, &StalePriceError{o.Symbol}
	}
	return pricing.Option{Kind: o.Kind, Spot: spot, Strike: o.Strike, Rate: rate, Volatility: m.volatility, Years: o.Years}, nil
}

// risk values the greeks; what the pricing library panics on becomes an error
// here. Its argument is followed wherever it leads: nobody else has it.
//
//monitor:trace group=desk.orders deep=option
func (d *desk) risk(option pricing.Option) (g pricing.Greeks, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("no risk figures: %v", v)
		}
	}()
	return pricing.Sensitivities(option), nil
}

// book adds to the greeks of the desk.
func (d *desk) book(g pricing.Greeks, quantity float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.greeks.Delta += g.Delta * quantity
	d.greeks.Gamma += g.Gamma * quantity
	d.greeks.Vega += g.Vega * quantity
	d.greeks.Theta += g.Theta * quantity
	d.greeks.Rho += g.Rho * quantity
}

// reject counts a refusal by its kind.
func (d *desk) reject(err error) {
	reason := "no risk figures"
	var unknown *UnknownSymbolError
	var limit *LimitError
	var stale *StalePriceError
	var price *PriceError
	switch {
	case errors.As(err, &unknown):
		reason = "unknown symbol"
	case errors.As(err, &limit):
		reason = "over the limit"
	case errors.As(err, &stale):
		reason = "stale price"
	case errors.As(err, &price):
		reason = "price beyond the order's limit"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rejects[reason]++
}
