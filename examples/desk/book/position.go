package book

import "sync"

// Position is what is held of one instrument.
type Position struct {
	Symbol   string
	Quantity int
	Cost     float64 // paid, less received
}

// Value returns the profit at a price.
func (p Position) Value(price float64) float64 { return float64(p.Quantity)*price - p.Cost }

// Positions are those of one account. Every method is recorded.
//
//monitor:trace group=desk.positions
type Positions struct {
	mu   sync.Mutex
	held map[string]Position
}

// Fill books a trade; a sale has a negative quantity.
func (p *Positions) Fill(symbol string, quantity int, price float64) Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[string]Position)
	}
	pos := p.held[symbol]
	pos.Symbol = symbol
	pos.Quantity += quantity
	pos.Cost += float64(quantity) * price
	p.held[symbol] = pos
	return pos
}

// Of returns the position in a symbol.
func (p *Positions) Of(symbol string) Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held[symbol]
}

// Profit values all positions at the given prices.
func (p *Positions) Profit(prices map[string]float64) (total float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for symbol, pos := range p.held {
		total += pos.Value(prices[symbol])
	}
	return total
}
