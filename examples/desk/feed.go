package main

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/examples/desk/book"
)

// quote is one change of a market.
type quote struct {
	Symbol string
	Bid    book.Level
	Ask    book.Level
	At     time.Time
}

// market is what the desk knows of one underlying.
type market struct {
	mu         sync.Mutex
	bids, asks *book.Ladder[float64]
	volatility float64
	updated    time.Time
}

func newMarket(volatility float64) *market {
	return &market{bids: book.Bids(), asks: book.Asks(), volatility: volatility}
}

// apply puts a quote into the ladders. Only the slow ones are of interest.
//
//monitor:trace group=desk.feed slow=20us
func (m *market) apply(q quote) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bids.Set(q.Bid.Price, q.Bid.Size)
	m.asks.Set(q.Ask.Price, q.Ask.Size)
	m.updated = q.At
}

// spot returns the middle between the best bid and the best ask.
//
//monitor:trace group=desk.feed args=none
func (m *market) spot() (price float64, at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bid, okBid := m.bids.Best()
	ask, okAsk := m.asks.Best()
	return (bid + ask) / 2, m.updated, okBid && okAsk
}

// feed sends a walk of prices for one symbol until stop is closed or so many
// quotes are sent.
//
//monitor:trace group=desk.feed args=symbol,start,count
func feed(symbol string, start float64, count int, random *rand.Rand, out chan<- quote, stop <-chan struct{}) (sent int) {
	price := start
	for sent < count {
		price *= math.Exp(random.NormFloat64() * 0.001)
		tick := math.Round(price*100) / 100
		q := quote{symbol, book.Level{Price: tick - 0.01, Size: 1 + random.IntN(50)}, book.Level{Price: tick + 0.01, Size: 1 + random.IntN(50)}, time.Now()}
		select {
		case out <- q:
			sent++
		case <-stop:
			return sent
		}
	}
	return sent
}
