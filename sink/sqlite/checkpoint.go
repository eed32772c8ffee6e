package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

// ErrLogFull is for a log that cannot be used from its beginning again, since a
// reader keeps an old state of the database open, and has grown to its bound.
var ErrLogFull = errors.New("the log of the database is full: a reader keeps an old state of it open")

// Bounds of the log, in pages, each a frame of it.
const (
	leastLog = 1000 // what is moved at once; SQLite's own default
	mostLog  = 8 * leastLog
	boundLog = 256 << 20 / pageSize // 256 MiB
)

// admitWait is how long a write waits for a full log.
const admitWait = 2 * time.Second

// checkpointer moves what was committed from the log (-wal) into the database, on
// a connection and a goroutine of its own, so that no commit waits for it. It
// never waits for readers or writers: what it cannot move now it moves later.
type checkpointer struct {
	db    *sql.DB
	conn  *sql.Conn
	bound int64
	wake  chan struct{}
	done  chan struct{}

	since  atomic.Int64 // pages written since the latest look at the log
	frames atomic.Int64 // in the log at that look
	enough atomic.Int64 // pages for which it is worth to be woken

	mu sync.Mutex // one checkpoint at a time
}

// newCheckpointer starts it. size is that of the Retention: the log stays below a
// quarter of it.
func newCheckpointer(path string, size int64) (*checkpointer, error) {
	c := &checkpointer{bound: boundLog, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if size > 0 {
		c.bound = min(c.bound, max(size/4/pageSize, 2*leastLog))
	}
	c.enough.Store(leastLog)
	c.db = sql.OpenDB(&connector{driver: new(sqlite.Driver), dsn: dsn(path, 0)})
	var err error
	if c.conn, err = c.db.Conn(context.Background()); err != nil {
		return nil, errors.Join(err, c.db.Close())
	}
	go c.run()
	return c, nil
}

func (c *checkpointer) run() {
	defer close(c.done)
	for range c.wake {
		before := c.since.Load()
		c.checkpoint(context.Background(), "PASSIVE") // what fails is tried again
		c.adapt(before)
	}
}

// adapt has the next checkpoint come after more pages when so many were written
// during this one that it should begin again at once, and after fewer when not:
// few large ones are cheaper, many small ones keep the log short.
func (c *checkpointer) adapt(moved int64) {
	enough := c.enough.Load()
	if during := c.since.Load(); during >= enough {
		enough *= 2
	} else if during < enough/4 && moved < 2*enough {
		enough /= 2
	}
	c.enough.Store(min(max(enough, leastLog), mostLog))
}

// written counts what a connection has added to the log since it was counted last.
func (c *checkpointer) written(writer *sql.Conn) {
	if c == nil {
		return // Open is not done
	}
	pages := 0
	writer.Raw(func(conn any) (err error) {
		pages, _, err = conn.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
		return err
	})
	if c.since.Add(int64(pages)) >= c.enough.Load() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// checkpoint moves what it can, and with RESTART or TRUNCATE has the log begin
// anew where no reader is in its way; busy says that one was.
func (c *checkpointer) checkpoint(ctx context.Context, mode string) (busy bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since.Store(0)
	var frames, moved int64
	if err := c.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved); err != nil {
		return false, err
	}
	if mode != "PASSIVE" && !busy {
		frames = 0
	}
	c.frames.Store(frames)
	return busy, nil
}

// admit waits while the log is at its bound.
func (c *checkpointer) admit(ctx context.Context) error {
	for began := time.Now(); c.frames.Load()+c.since.Load() >= c.bound; {
		busy, err := c.checkpoint(ctx, "RESTART")
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		if !busy {
			return nil
		}
		if time.Since(began) > admitWait {
			return ErrLogFull
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// wipe empties the log: what was taken out of the database is not to be found
// there either. Where a reader is in the way, the next wipe does it.
func (c *checkpointer) wipe(ctx context.Context) error {
	_, err := c.checkpoint(ctx, "TRUNCATE")
	return err
}

func (c *checkpointer) close() error {
	close(c.wake)
	<-c.done
	return errors.Join(c.conn.Close(), c.db.Close())
}
