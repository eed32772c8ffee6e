//go:build unix

package main

import (
	"fmt"
	"io"
)

// tally counts what has come of the deaths of one way.
type tally struct {
	way            string
	deaths         int
	acknowledged   int // numbers; each is a call of order, of price, and of rebate for two in three
	calls          int // in the database
	unacknowledged int // numbers in the database that the victim did not come to acknowledge
	open           int // calls that are reported as open when it died
	lost, twice    int // calls
	reused         int // segments that held records of an earlier turn, too
	failed         int // deaths with which something was wrong
	skipped        string
}

func (t tally) print(w io.Writer) {
	if t.skipped != "" {
		fmt.Fprintf(w, "%-36s %s\n", t.way, t.skipped)
		return
	}
	fmt.Fprintf(w, "%-36s %4d deaths %8d acknowledged %8d calls stored %4d more %5d open %3d lost %3d twice %5d segments reused\n",
		t.way, t.deaths, t.acknowledged, t.calls, t.unacknowledged, t.open, t.lost, t.twice, t.reused)
}

func total(all []tally) (sum tally) {
	for _, t := range all {
		sum.deaths += t.deaths
		sum.acknowledged += t.acknowledged
		sum.calls += t.calls
		sum.unacknowledged += t.unacknowledged
		sum.open += t.open
		sum.lost += t.lost
		sum.twice += t.twice
		sum.reused += t.reused
	}
	return sum
}

// printTable prints the table of docs/crash.md.
func printTable(w io.Writer, all []tally) {
	fmt.Fprintln(w, "| how it died | deaths | acknowledged | calls stored | of unacknowledged | open calls | lost | twice | segments reused |")
	fmt.Fprintln(w, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	sum := total(all)
	sum.way = "all"
	for _, t := range append(all, sum) {
		if t.skipped != "" {
			fmt.Fprintf(w, "| %s | %s |\n", t.way, t.skipped)
			continue
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d | %d |\n", t.way, t.deaths, t.acknowledged, t.calls, t.unacknowledged, t.open, t.lost, t.twice, t.reused)
	}
}
