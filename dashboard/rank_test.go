package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// A page that begins at a rank is that part of the whole list, wherever the marks
// are that it is found by, and with one function's calls as with all.
func TestPagesByRank(t *testing.T) {
	f := newFixture(t, Options{})
	var calls []spool.Call
	for id := range uint64(5*markStep + 17) {
		fn := submit
		if id%3 != 0 {
			fn = price
		}
		calls = append(calls, spool.Call{Function: fn, ID: id + 1, Trace: id + 1, Goroutine: 1, Start: begin + int64(id), Duration: 5, Data: `[1,2,3]`})
	}
	f.write(2, calls, true)
	page := func(parameters string) (ids []string, total int) {
		_, _, text := f.do("GET", "/api/v1/calls?"+parameters, "")
		var answer struct {
			Rows  []struct{ Call string }
			Total int
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		for _, row := range answer.Rows {
			ids = append(ids, row.Call)
		}
		return ids, answer.Total
	}
	for _, q := range []string{"", "fn:Price", "fn:Submit", "status:ok"} {
		for _, order := range []string{"-start", "start"} {
			list := fmt.Sprintf("q=%s&sort=%s", q, order)
			whole, total := page(list + "&limit=1000")
			for len(whole) < total {
				more, _ := page(fmt.Sprintf("%s&limit=1000&cursor=%s", list, cursorOf(t, f, list, len(whole))))
				whole = append(whole, more...)
			}
			for _, rank := range []int{0, 1, markStep - 101, markStep - 1, markStep, markStep + 1, 2*markStep - 50, total - 150, total - 100, total - 1, total, total + 5} {
				if rank < 0 {
					continue
				}
				got, _ := page(fmt.Sprintf("%s&rank=%d", list, rank))
				want := whole[min(rank, total):min(rank+100, total)]
				if strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("%s, rank %d: %d calls from %.20v, want %d from %.20v", list, rank, len(got), got, len(want), want)
				}
			}
		}
	}
}

// cursorOf returns the cursor behind the first n calls of a list, n in whole thousands.
func cursorOf(t *testing.T, f *fixture, list string, n int) (next string) {
	for read := 0; read < n; read += 1000 {
		_, _, text := f.do("GET", "/api/v1/calls?"+list+"&limit=1000&cursor="+next, "")
		var answer struct{ Next string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		next = answer.Next
	}
	return next
}
