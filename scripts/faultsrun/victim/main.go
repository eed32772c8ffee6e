// Victim is the program that scripts/faults records while something is wrong with
// the place where its calls are to be stored. It makes as many calls as each line
// of its standard input says, of which every third fails, and answers with their
// sum so far.
// May import: the standard library; with the tag sink, the in-process sink.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

func main() {
	made := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			panic(err)
		}
		for range n {
			made++
			price(made)
		}
		fmt.Println(made)
	}
}

// price fails for every third number.
//
//monitor:trace
func price(n int) error {
	if n%3 == 0 {
		return fmt.Errorf("no price for %d", n)
	}
	return nil
}
