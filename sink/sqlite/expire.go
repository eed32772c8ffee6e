package sqlite

import (
	"context"
	"fmt"
	"time"
)

// Expired is a partition that is about to go. It does not change any more.
type Expired struct {
	Path        string // of the database
	Table       string // calls_000007; its columns are those of the view calls
	Number      int64
	Rows        int64
	First, Last time.Time // start of the first call, end of the last
	Reason      string    // ReasonAge or ReasonSize
}

// Archiver is given what expires before it goes.
type Archiver interface {
	// Archive keeps a partition elsewhere; what it returns nil for is deleted
	// next, and what it returns an error for stays and is given to it again. After
	// a crash it may be given one that it has archived. It is called outside of
	// any transaction, one partition at a time, on a goroutine of its own: calls are
	// stored meanwhile. It reads through a connection of its own.
	Archive(ctx context.Context, p Expired) error
}

// Sizes of one step, some 10 ms of work. What is left of a table goes as a whole when
// it is not larger than dropBytes: its pages need not be looked into then.
const (
	expireRows = 10_000
	dropBytes  = 12 << 20
)

// expiry is the work on what has expired, a step at a time.
type expiry struct {
	store *Store
	due   time.Time // of the next cycle
	begun bool      // a cycle is at work
	pause time.Duration
	gone  Gone

	archiving *archiving // nil while nothing is
}

// archiving is a partition that the Archiver has been given.
type archiving struct {
	partition Partition
	done      chan error // one, when the Archiver is done
	cancel    context.CancelFunc
}

// archiveWait is how long a part waits for the Archiver.
const archiveWait = 10 * time.Millisecond

// Gone is what retention has taken away.
type Gone struct {
	Partitions int
	Rows       int64
}

// How often a cycle begins, and how far apart after failures.
const (
	cycle      = time.Minute
	pauseAtMax = time.Hour
)

// isDue reports whether there is something to do. A clock that was set back does
// not put it off.
func (e *expiry) isDue() bool {
	left := e.due.Sub(e.store.options.Now())
	return e.begun || left <= 0 || left > pauseAtMax
}

// step does the next part of a cycle that is due; more says that the cycle is
// not done. After an error the cycle begins again, at first a minute later.
func (e *expiry) step(ctx context.Context) (more bool, err error) {
	if !e.isDue() {
		return false, nil
	}
	now := e.store.options.Now()
	e.begun = true
	more, err = e.part(ctx, now)
	switch {
	case err != nil:
		e.pause = min(max(2*e.pause, cycle), pauseAtMax)
		e.begun, e.due = false, now.Add(e.pause)
		return false, fmt.Errorf("%s: retention: %w", e.store.path, err)
	case !more:
		e.begun, e.due, e.pause = false, now.Add(cycle), 0
	}
	return more, nil
}

// part does one part of a cycle.
func (e *expiry) part(ctx context.Context, now time.Time) (more bool, err error) {
	if e.archiving != nil {
		return e.archived(ctx)
	}
	number, err := e.leaving(ctx)
	if err != nil {
		return false, err
	}
	if number > 0 {
		return true, e.empty(ctx, number)
	}
	if err := e.store.closeByTime(ctx, now); err != nil {
		return false, err
	}
	plan, err := e.store.Plan(ctx)
	if err != nil {
		return false, err
	}
	if going, _ := plan.Going(); len(going) > 0 {
		return true, e.expire(ctx, going[0])
	}
	if more, err := e.store.expireSums(ctx, now); more || err != nil {
		return more, err
	}
	if err := e.store.settleLate(ctx); err != nil {
		return false, err
	}
	return false, e.store.log.wipe(ctx)
}

// leaving returns a partition that has expired and still has rows, 0 for none.
func (e *expiry) leaving(ctx context.Context) (number int64, err error) {
	err = e.store.conn.QueryRowContext(ctx, "SELECT ifnull(min(number), 0) FROM monitor_partitions WHERE expired").Scan(&number)
	return number, err
}

// expire hands a partition to the archiver, if there is one, or takes it out of the view.
func (e *expiry) expire(ctx context.Context, p Partition) error {
	a := e.store.options.Archiver
	if a == nil || p.Rows == 0 {
		return e.takeOut(ctx, p)
	}
	at := &archiving{partition: p, done: make(chan error, 1)}
	// It goes on between the parts, whose contexts may end sooner.
	ctx, at.cancel = context.WithCancel(context.WithoutCancel(ctx))
	expired := Expired{Path: e.store.path, Table: p.Table(), Number: p.Number, Rows: p.Rows, First: p.First, Last: p.Last, Reason: p.Reason}
	go func() { at.done <- a.Archive(ctx, expired) }()
	e.archiving = at
	return nil
}

// archived takes a partition out of the view when it is archived.
func (e *expiry) archived(ctx context.Context) (more bool, err error) {
	at := e.archiving
	select {
	case err = <-at.done:
	case <-time.After(archiveWait):
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	at.cancel()
	e.archiving = nil
	if err != nil {
		return false, fmt.Errorf("archive %s, which stays: %w", at.partition.Table(), err)
	}
	return true, e.takeOut(ctx, at.partition)
}

// stop ends archiving: who opens the database next begins it again.
func (e *expiry) stop() {
	if e.archiving != nil {
		e.archiving.cancel()
		<-e.archiving.done
		e.archiving = nil
	}
}

// takeOut takes a partition out of the view.
func (e *expiry) takeOut(ctx context.Context, p Partition) error {
	return e.store.transaction(ctx, func() error {
		err := e.store.exec(ctx,
			fmt.Sprintf("UPDATE monitor_partitions SET expired = 1 WHERE number = %d", p.Number),
			fmt.Sprintf("DELETE FROM monitor_error_stacks WHERE id IN (SELECT id FROM %s WHERE status = 1)", tableName(p.Number)),
			"DELETE FROM monitor_stacks WHERE stack_id NOT IN (SELECT stack_id FROM monitor_error_stacks)")
		if err != nil {
			return err
		}
		return e.store.remakeViews(ctx)
	})
}

// empty takes out a part of an expired partition: first the indexes, one at a
// time, then rows, and then what is left of the table. At once, a large partition
// would keep others from writing, and all its pages, which are overwritten with
// zeros, would be in the log.
func (e *expiry) empty(ctx context.Context, number int64) error {
	table := tableName(number)
	return e.store.transaction(ctx, func() error {
		var index string
		var left int64
		err := e.store.conn.QueryRowContext(ctx, `SELECT ifnull((SELECT min(name) FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?), ''),
			rows FROM monitor_partitions WHERE number = ?`, table, number).Scan(&index, &left)
		if err != nil {
			return err
		}
		if index != "" {
			return e.store.exec(ctx, "DROP INDEX "+index)
		}
		atOnce, err := e.rowsToDrop(ctx)
		if err != nil {
			return err
		}
		if left > atOnce {
			return e.deleteSome(ctx, number)
		}
		e.gone.Rows += left
		e.gone.Partitions++
		return e.store.exec(ctx, "DROP TABLE "+table, fmt.Sprintf("DELETE FROM monitor_partitions WHERE number = %d", number))
	})
}

// rowsToDrop is how many rows a table may have to go as a whole, by what a row takes
// in the file, all that is kept with it included.
func (e *expiry) rowsToDrop(ctx context.Context) (int64, error) {
	used, _, err := e.store.sizes(ctx)
	if err != nil {
		return 0, err
	}
	var rows int64
	if err := e.store.conn.QueryRowContext(ctx, "SELECT sum(rows) FROM monitor_partitions").Scan(&rows); err != nil {
		return 0, err
	}
	return max(dropBytes/max(used/max(rows, 1), 1), expireRows), nil
}

// deleteSome takes out some rows of a large partition.
func (e *expiry) deleteSome(ctx context.Context, number int64) error {
	result, err := e.store.conn.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s WHERE id <=
		(SELECT max(id) FROM (SELECT id FROM %[1]s ORDER BY id LIMIT %d))`, tableName(number), expireRows))
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return err
	}
	e.gone.Rows += rows
	return e.store.exec(ctx, fmt.Sprintf("UPDATE monitor_partitions SET rows = rows - %d WHERE number = %d", max(rows, expireRows), number))
}
