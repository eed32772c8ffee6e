// Desk is a small option desk: market data arrives, orders from a file are
// priced and traded or refused, positions and their risk are summed up. It
// shows what monitorgen records; its directives use every option there is.
//
//	go run ./cmd/monitorgen run ./examples/desk
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
)

//go:embed orders.csv
var orderFile []byte

func main() {
	rounds := flag.Int("rounds", 3, "how often the order file is worked through")
	quotes := flag.Int("quotes", 2000, "quotes per market")
	seed := flag.Uint64("seed", 1, "of the market data")
	flag.Parse()
	if err := run(os.Stdout, *rounds, *quotes, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "desk:", err)
		os.Exit(1)
	}
}

// run trades the order file so many times.
//
//monitor:trace group=desk name=trading_day args=rounds,quotes,seed
func run(out io.Writer, rounds, quotes int, seed uint64) error {
	orders, err := readOrders(bytes.NewReader(orderFile))
	if err != nil {
		return err
	}
	d := newDesk()
	d.runMarkets(quotes, seed)
	accepted := 0
	for range rounds {
		for _, o := range orders {
			if _, err := d.submit(o); err != nil {
				d.reject(err)
				continue
			}
			accepted++
		}
	}
	return d.report(out, accepted)
}

// runMarkets lets the feeds of all markets run side by side. DUST has none.
//
//monitor:trace group=desk.feed
func (d *desk) runMarkets(quotes int, seed uint64) {
	starts := map[string]float64{"ACME": 101, "BOLT": 50, "CRUX": 200}
	arrivals := make(chan quote, 64)
	stop := make(chan struct{})
	defer close(stop)
	var feeds sync.WaitGroup
	for i, symbol := range []string{"ACME", "BOLT", "CRUX"} {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		feeds.Go(func() { feed(symbol, starts[symbol], quotes, random, arrivals, stop) })
	}
	go func() {
		feeds.Wait()
		close(arrivals)
	}()
	for q := range arrivals {
		d.markets[q.Symbol].apply(q)
	}
}

// report prints the day.
//
//monitor:trace group=desk args=accepted
func (d *desk) report(out io.Writer, accepted int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(out, "%d orders traded\n", accepted)
	var reasons []string
	for reason := range d.rejects {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		fmt.Fprintf(out, "%d refused: %s\n", d.rejects[reason], reason)
	}
	for symbol, m := range d.markets {
		depth := 0
		for range m.bids.Levels() {
			if depth++; depth == 5 {
				break
			}
		}
		if _, _, ok := m.spot(); !ok && depth > 0 {
			return fmt.Errorf("market %s has bids only", symbol)
		}
	}
	_, err := fmt.Fprintf(out, "greeks of the desk: delta %+.1f, gamma %+.2f, vega %+.1f, theta %+.1f, rho %+.1f\n",
		d.greeks.Delta, d.greeks.Gamma, d.greeks.Vega, d.greeks.Theta, d.greeks.Rho)
	return err
}
