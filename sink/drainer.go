package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// Defaults of DrainerOptions.
const (
	DefaultInterval  = 100 * time.Millisecond
	DefaultBatchSize = 50_000
)

// maxBatchText bounds the text of one batch in bytes, so that a batch of large
// values does not take much memory.
const maxBatchText = 32 << 20

// DrainerOptions configure a Drainer. Spool and Store are needed.
type DrainerOptions struct {
	Spool     string        // folder of the runs; it need not exist yet
	Store     Store         // stays open
	Interval  time.Duration // between two passes; 0 is DefaultInterval
	BatchSize int           // calls per transaction at most; 0 is DefaultBatchSize
	// Logger takes what is worth saying. nil: errors go to standard error, a
	// line each, the same one at most once a minute, and the rest nowhere.
	Logger *slog.Logger
	// Progress is called after each batch, by the goroutine that drains.
	Progress func(Stats)

	// own, where set, tells this process' run: runs of other living processes are
	// left to those.
	own func(id string) bool
}

// Drainer moves records from the spools in one folder into a Store. Exactly one
// drainer reads a run at a time: one that finds another at work leaves the run
// to it and looks again at the next pass.
//
// Run and Once must not be called at the same time.
type Drainer struct {
	options  DrainerOptions
	log      *slog.Logger
	complain *complaints

	pass  chan struct{} // holds a token while a run is worked on
	runs  map[string]*drain
	seen  map[string]bool // runs that are counted
	batch Batch           // the memory of the batch at work

	mu    sync.Mutex
	stats Stats
}

// NewDrainer returns a Drainer that has not started.
func NewDrainer(o DrainerOptions) *Drainer {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.BatchSize <= 0 {
		o.BatchSize = DefaultBatchSize
	}
	d := &Drainer{options: o, log: o.Logger, pass: make(chan struct{}, 1), runs: map[string]*drain{}, seen: map[string]bool{}}
	if d.log == nil {
		d.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	d.complain = newComplaints(o.Logger)
	d.stats.Sessions = map[string]Counts{}
	return d
}

// Stats returns what was done so far. It may be called at any time.
func (d *Drainer) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats.clone()
}

// Run drains until ctx is done, and then once more, so that all that dead
// processes left is stored and their folders are gone when it returns. Failures
// are logged and tried again at the next pass; the error is that of the last
// pass.
func (d *Drainer) Run(ctx context.Context) error {
	defer d.release()
	tick := time.NewTicker(d.options.Interval)
	defer tick.Stop()
	for {
		next := time.Now().Add(d.options.Interval)
		if err := d.drainAll(ctx); err != nil && ctx.Err() == nil {
			d.complain.about(err)
		}
		for d.maintainInTurn(ctx) && time.Now().Before(next) {
		}
		select {
		case <-ctx.Done():
			return d.drainAll(context.WithoutCancel(ctx))
		case <-tick.C:
		}
	}
}

// Once makes one pass over all runs: everything they have published so far is
// stored when it returns, and what dead processes left is gone from the spool.
// The error joins those of the runs that failed; the other runs are stored.
func (d *Drainer) Once(ctx context.Context) (Stats, error) {
	defer d.release()
	err := d.drainAll(ctx)
	for d.maintainInTurn(ctx) {
	}
	return d.Stats(), err
}

// maintain has a Store that is a Maintainer do a part of its work. It reports
// whether there is more.
func (d *Drainer) maintain(ctx context.Context) bool {
	m, ok := d.options.Store.(Maintainer)
	if !ok || ctx.Err() != nil {
		return false
	}
	more, err := m.Maintain(ctx)
	if err != nil && ctx.Err() == nil {
		d.complain.about(err)
	}
	return more && err == nil
}

// maintainInTurn is maintain in its turn.
func (d *Drainer) maintainInTurn(ctx context.Context) bool {
	if d.lock(ctx) != nil {
		return false
	}
	defer d.unlock()
	return d.maintain(ctx)
}

// release gives all locks back.
func (d *Drainer) release() {
	d.pass <- struct{}{}
	defer d.unlock()
	for id, r := range d.runs {
		if r.run != nil {
			r.run.Close()
		}
		delete(d.runs, id)
	}
}

// lock waits for the turn to work on a run.
func (d *Drainer) lock(ctx context.Context) error {
	select {
	case d.pass <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Drainer) unlock() { <-d.pass }

// yield lets one who waits for its turn go first: a flush of our own run need
// not wait until all that a dead one left is stored.
func (d *Drainer) yield() {
	d.unlock()
	d.pass <- struct{}{}
}

// drainAll makes one pass.
func (d *Drainer) drainAll(ctx context.Context) error {
	ids, err := spool.List(d.options.Spool)
	if err != nil {
		return err
	}
	if d.options.own != nil {
		if i := slices.IndexFunc(ids, d.options.own); i > 0 {
			ids[0], ids[i] = ids[i], ids[0] // what others left can wait
		}
	}
	var failed []error
	busy := 0
	for _, id := range ids {
		err := d.drainOne(ctx, id)
		switch {
		case err == nil:
		case errors.Is(err, spool.ErrBusy):
			busy++
		default:
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			return errors.Join(append(failed, ctx.Err())...)
		}
	}
	d.mu.Lock()
	d.stats.Busy, d.stats.Failed = busy, len(failed)
	d.mu.Unlock()
	return errors.Join(failed...)
}

// drainOne is drainRun in its turn.
func (d *Drainer) drainOne(ctx context.Context, id string) error {
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	return d.drainRun(ctx, id)
}

// drainRun stores what one run has published.
func (d *Drainer) drainRun(ctx context.Context, id string) error {
	r, err := d.open(id)
	if r == nil || err != nil {
		return err
	}
	if r.alive, err = r.run.Alive(); err != nil {
		return err
	}
	if r.alive {
		r.seenAlive = time.Now().UnixNano()
	}
	if err := r.store(ctx); err != nil {
		return fmt.Errorf("drain run %s: %w", id, err)
	}
	if r.alive {
		return nil
	}
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("end run %s: %w", id, err)
	}
	delete(d.runs, id)
	return nil
}

// open returns the work on a run, with its lock; nil for one that is not ours.
func (d *Drainer) open(id string) (*drain, error) {
	r := d.runs[id]
	if r != nil && r.run != nil {
		return r, nil
	}
	if skip, err := d.leave(id); skip || err != nil {
		return nil, err
	}
	run, err := spool.Open(d.options.Spool, id)
	if errors.Is(err, fs.ErrNotExist) {
		delete(d.runs, id) // another drainer removed it after List
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &drain{drainer: d}
		d.runs[id] = r
	}
	r.run, r.known, r.stored = run, false, 0
	return r, nil
}

// leave reports whether the run of another living process is left to it.
func (d *Drainer) leave(id string) (bool, error) {
	if d.options.own == nil || d.options.own(id) {
		return false, nil
	}
	return spool.Alive(d.options.Spool, id)
}

// count adds to the statistics of a session, and tells Progress.
func (d *Drainer) count(session string, c Counts) {
	d.mu.Lock()
	d.stats.add(c)
	of := d.stats.Sessions[session]
	of.add(c)
	d.stats.Sessions[session] = of
	d.mu.Unlock()
	if d.options.Progress != nil {
		d.options.Progress(d.Stats())
	}
}
