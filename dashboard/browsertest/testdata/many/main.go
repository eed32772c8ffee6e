// Many makes as many recorded calls as it is told: a shop whose orders are
// taken, priced and sometimes refused.
package main

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

func main() {
	calls := flag.Int("calls", 0, "recorded calls in traces of a few dozen")
	deep := flag.Int("deep", 0, "recorded calls in one more trace")
	rate := flag.Int("rate", 0, "calls per second")
	last := flag.Duration("for", 0, "how long at that rate")
	flag.Parse()
	for made, n := 0, 0; made < *calls; n++ {
		items := 2 + n%12
		checkout(n, items)
		made += 2 + 3*items
	}
	if *deep > 0 {
		season(*deep)
	}
	if *rate > 0 {
		paced(*rate, *last)
	}
}

// paced makes calls evenly: a few every hundredth of a second.
func paced(rate int, last time.Duration) {
	const step = 10 * time.Millisecond
	end := time.Now().Add(last)
	n := 0
	for next := time.Now(); next.Before(end); next = next.Add(step) {
		time.Sleep(time.Until(next))
		for range max(1, int(float64(rate)*step.Seconds())) {
			n++
			tick(n, time.Now().UnixMicro())
		}
	}
}

//monitor:trace group=shop.live
func tick(n int, at int64) int { return n }

//monitor:trace group=shop
func season(calls int) {
	for made, n := 0, 0; made < calls; n++ {
		items := 2 + n%12
		checkout(n, items)
		made += 2 + 3*items
	}
}

//monitor:trace group=shop
func checkout(order, items int) (total float64, err error) {
	for i := range items {
		price, err := item(order, i, symbols[(order+i)%len(symbols)])
		if err != nil {
			return 0, fmt.Errorf("order %d: %w", order, err)
		}
		total += price
	}
	return total, pay(order, total)
}

var symbols = []string{"ACME", "BOLT", "CRUX", "DUST", "EDGE"}

//monitor:trace group=shop.stock
func item(order, line int, symbol string) (price float64, err error) {
	if !inStock(symbol, order%97) {
		return 0, errOut
	}
	return priceOf(symbol, line+1), nil
}

var errOut = errors.New("out of stock")

//monitor:trace group=shop.stock
func inStock(symbol string, shelf int) bool { return shelf != 13 || symbol != "DUST" }

//monitor:trace group=shop.prices
func priceOf(symbol string, quantity int) float64 {
	sum := 0.0
	for i := range 20 + quantity*quantity*40 {
		sum += float64(i%7) * float64(len(symbol))
	}
	return sum
}

//monitor:trace group=shop.payment
func pay(order int, total float64) error {
	if order%211 == 0 {
		return fmt.Errorf("card of order %d was declined", order)
	}
	return nil
}
