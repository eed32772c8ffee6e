// Victim is the program whose calls scripts/engines sends: as many as it is told,
// every hundredth of which fails.
package main

import (
	"errors"
	"log"
	"os"
	"strconv"
)

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		_, _ = price(i, "ACME") // what fails is to be recorded
	}
}

var errOdd = errors.New("an order of this number is not taken")

//monitor:trace
func price(order int, symbol string) (cents int, err error) {
	if order%100 == 0 {
		return 0, errOdd
	}
	return order * len(symbol), nil
}
