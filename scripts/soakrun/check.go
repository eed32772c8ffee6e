package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite"
)

// settled is the hour from which on nothing may grow: six hours and a twelfth of
// them are kept.
const settled = 8

// check compares the hours, and what is in the file with what was written.
func (d *day) check(ctx context.Context) error {
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	base := d.hours[settled-1]
	for i, h := range d.hours[settled:] {
		at := settled + i + 1
		if h.file > base.file+base.file/20+1<<20 {
			fail("hour %d: the file has %d bytes, %d at hour %d", at, h.file, base.file, settled)
		}
		if h.log > 64<<20 {
			fail("hour %d: the log has %d bytes", at, h.log)
		}
		if h.heap > base.heap+base.heap/2+8<<20 {
			fail("hour %d: the heap has %d bytes, %d at hour %d", at, h.heap, base.heap, settled)
		}
		if least := int64(6*time.Hour/d.step) * int64(d.perStep); h.kept < least || h.kept > least+least/10 {
			fail("hour %d: %d calls are kept, six hours have %d", at, h.kept, least)
		}
	}
	db, err := sql.Open("sqlite", "file:"+d.path+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	sums := d.now.Add(-6 * time.Hour).Unix()
	lately := int64(6*time.Hour/d.step) * int64(d.perStep)
	for query, want := range map[string]any{
		"PRAGMA integrity_check":     "ok",
		"SELECT count(*) FROM calls": d.hours[len(d.hours)-1].kept,
		"SELECT sum(calls) FROM monitor_rollups_60s WHERE start_s >= " + fmt.Sprint(sums):                                                                                       lately,
		"SELECT sum(calls) FROM (SELECT calls, start_s FROM monitor_edges_60s UNION ALL SELECT calls, start_s FROM monitor_edges_pending) WHERE start_s >= " + fmt.Sprint(sums): lately,
		"SELECT count(*) FROM monitor_partitions WHERE expired":                                                                                                                 int64(0),
		"SELECT count(*) FROM monitor_error_stacks WHERE id NOT IN (SELECT id FROM calls WHERE status = 1)":                                                                     int64(0),
	} {
		var got any
		if err := db.QueryRowContext(ctx, query).Scan(&got); err != nil {
			fail("%s: %w", query, err)
		} else if got != want {
			fail("%s: %v, want %v", query, got, want)
		}
	}
	if len(problems) == 0 {
		fmt.Println("nothing grew from hour", settled, "on; integrity_check ok; rollups and edges say what was written in the last six hours")
	}
	return errors.Join(problems...)
}
