package main

import (
	"fmt"
	"io"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// spoolEntry is in the JSON of stats when a spool was near its bound.
type spoolEntry struct {
	Warnings   int64 `json:"warnings"`
	Overflowed int64 `json:"overflowed"`
	Recovered  int64 `json:"recovered"`
	Dropped    int64 `json:"dropped"`
	Lost       int64 `json:"lost"`
}

// printSpool says, where there is something to say, how the spools of all
// processes did.
func printSpool(w io.Writer, s query.Spool) {
	if s == (query.Spool{}) {
		return
	}
	fmt.Fprintf(w, "the spool was nearly full %s", plural(s.Warnings, "time"))
	if s.Recovered > 0 {
		fmt.Fprintf(w, ", %s had to wait", plural(s.Recovered, "call"))
	}
	fmt.Fprintf(w, ", %s dropped", plural(s.Dropped, "call"))
	if s.Lost > 0 {
		fmt.Fprintf(w, ", %s lost", plural(s.Lost, "failed call"))
	}
	fmt.Fprintln(w, " (MONITOR_SPOOL_MAX, MONITOR_OVERFLOW=wait)")
}
