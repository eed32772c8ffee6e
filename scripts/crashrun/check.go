//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// workers is how many goroutines of the victim make calls: so many calls may
// have been recorded that the victim did not come to acknowledge.
const workers = 4

// recorded is what the database has of one function: how often each number is
// there, and how many of them failed.
type recorded struct {
	times  map[int]int
	failed map[int]bool
}

// check compares the database with what the victim has acknowledged.
func (d *death) check(ctx context.Context, t *tally) error {
	db, err := query.Open(ctx, d.database())
	if err != nil {
		return err
	}
	defer db.Close()
	before := *t
	most := 0
	for _, function := range []struct {
		name  string
		fails func(n int) bool
		made  func(n int) bool
	}{
		{"order", func(int) bool { return false }, func(int) bool { return true }},
		{"price", func(n int) bool { return n%3 == 0 }, func(int) bool { return true }},
		{"rebate", func(n int) bool { return n%50 == 0 }, func(n int) bool { return n%3 != 0 }},
	} {
		there, err := readFunction(ctx, db, function.name, 2*(len(d.acknowledged)+workers))
		if err != nil {
			return err
		}
		for _, n := range d.acknowledged {
			if function.made(n) && there.times[n] == 0 {
				t.lost++
			}
			if there.times[n] > 0 && there.failed[n] != function.fails(n) {
				return fmt.Errorf("%s(%d): failed is %v", function.name, n, there.failed[n])
			}
			if !function.made(n) && there.times[n] > 0 {
				return fmt.Errorf("%s(%d) is there and was never called", function.name, n)
			}
		}
		for _, times := range there.times {
			t.calls += times
			if times > 1 {
				t.twice++
			}
		}
		if function.name == "order" {
			most = len(there.times) - len(d.acknowledged)
		}
	}
	if t.lost > before.lost || t.twice > before.twice {
		return fmt.Errorf("%d calls lost, %d there more than once, of %d acknowledged numbers", t.lost-before.lost, t.twice-before.twice, len(d.acknowledged))
	}
	if most > workers {
		return fmt.Errorf("%d calls more than were acknowledged, by %d workers", most, workers)
	}
	t.unacknowledged += most
	return d.checkOpen(ctx, db, t)
}

// checkOpen looks at the calls that the database has as open when the victim died:
// the outermost one, and none that is acknowledged or stored as ended.
func (d *death) checkOpen(ctx context.Context, db *query.DB, t *tally) error {
	outermost := 1
	if d.ends {
		outermost = 0
	}
	for _, c := range []struct {
		what  string
		query string
		want  int
	}{
		{"calls open and ended", "SELECT count(*) FROM open_calls JOIN process_trace USING (run_id, call_id)", 0},
		{"calls open twice", "SELECT count(*) - count(DISTINCT call_id) FROM open_calls", 0},
		{"outermost calls open", "SELECT count(*) FROM open_calls WHERE process = 'victim.supervise'", outermost},
		{"outermost calls ended", "SELECT count(*) FROM process_trace WHERE process = 'victim.supervise'", 1 - outermost},
	} {
		n, err := number(ctx, db, c.query)
		if err != nil {
			return err
		}
		if n != c.want {
			return fmt.Errorf("%d %s, want %d", n, c.what, c.want)
		}
	}
	acknowledged := make(map[int]bool, len(d.acknowledged))
	for _, n := range d.acknowledged {
		acknowledged[n] = true
	}
	table, err := db.SQL(ctx, "SELECT process, data ->> 0 FROM open_calls", mostOpen)
	if err != nil {
		return err
	}
	for _, row := range table.Rows {
		switch row[0] {
		case "victim.order", "victim.price", "victim.rebate":
		default:
			continue
		}
		n, err := strconv.Atoi(fmt.Sprint(row[1]))
		if err != nil {
			return fmt.Errorf("%v is open with the argument %v", row[0], row[1])
		}
		if acknowledged[n] {
			return fmt.Errorf("%v(%d) is acknowledged and open", row[0], n)
		}
	}
	t.open += len(table.Rows)
	return nil
}

// mostOpen is more than fit into the slots of the victim's goroutines.
const mostOpen = 10000

// number is what a query with one row of one number returns.
func number(ctx context.Context, db *query.DB, text string) (int, error) {
	table, err := db.SQL(ctx, text, 1)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fmt.Sprint(table.Rows[0][0]))
}

// readFunction refuses to read more than limit calls.
func readFunction(ctx context.Context, db *query.DB, name string, limit int) (recorded, error) {
	r := recorded{times: map[int]int{}, failed: map[int]bool{}}
	table, err := db.SQL(ctx, `SELECT data_value, status FROM data_trace WHERE process = 'victim.`+name+`' AND data = 'n' AND data_type = 'INPUT'`, limit)
	if err != nil {
		return r, err
	}
	if table.Truncated {
		return r, fmt.Errorf("more than %d calls of %s", limit, name)
	}
	for _, row := range table.Rows {
		n, err := strconv.Atoi(fmt.Sprint(row[0]))
		if err != nil {
			return r, fmt.Errorf("%s has the argument %v", name, row[0])
		}
		r.times[n]++
		r.failed[n] = r.failed[n] || fmt.Sprint(row[1]) == "ERR"
	}
	return r, nil
}

// reused counts the segments in the spool that the victim has used before. A
// drainer may be at work on them.
func (d *death) reused() (n int) {
	paths, _ := filepath.Glob(filepath.Join(d.spool(), "*", "*"+wire.SegmentSuffix))
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		header := make([]byte, wire.SegmentHeaderSize)
		if _, err := f.ReadAt(header, 0); err == nil && binary.LittleEndian.Uint32(header[wire.SegmentTurnAt:]) > 0 {
			n++
		}
		f.Close()
	}
	return n
}
