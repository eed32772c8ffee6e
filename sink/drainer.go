package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/status"
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
	Spool string // folder of the runs; it need not exist yet
	// Folders, where set, gives at each pass the folders of runs, in place of
	// Spool. The status is shown in Spool all the same.
	Folders   func() ([]string, error)
	Store     Store         // stays open
	Interval  time.Duration // between two passes; 0 is DefaultInterval
	BatchSize int           // calls per transaction at most; 0 is DefaultBatchSize
	Breaker   BreakerOptions
	// Logger takes what is worth saying. nil: errors go to standard error, a
	// line each, the same one at most once a minute, and the rest nowhere.
	Logger *slog.Logger
	// Progress is called after each batch, by the goroutine that drains.
	Progress func(Stats)

	// own, where set, tells this process' run: runs of other living processes are
	// left to those.
	own func(id string) bool
	// openRun, where set, opens runs in place of spool.Open.
	openRun func(folder, id string) (*spool.Run, error)
}

// Drainer moves records from the spools in one folder into a Store. Exactly one
// drainer reads a run at a time: one that finds another at work leaves the run
// to it and looks again at the next pass.
//
// A Store that fails several times in a row is left alone for a while
// (BreakerOptions). When it takes calls again, failed ones of all runs come
// before all others. How the Drainer does is shown in the spool folder (package
// status), and counted in the Store.
//
// Run and Once must not be called at the same time.
type Drainer struct {
	options  DrainerOptions
	store    *guarded
	log      *slog.Logger
	complain *complaints
	health   health

	pass  chan struct{} // holds a token while a run is worked on
	runs  map[place]*drain
	seen  map[string]bool // runs that are counted
	batch Batch           // the memory of the batch at work
	pace  *pace

	mu    sync.Mutex
	stats Stats
}

// place is where a run is.
type place struct{ folder, id string }

// NewDrainer returns a Drainer that has not started.
func NewDrainer(o DrainerOptions) *Drainer {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.BatchSize <= 0 {
		o.BatchSize = DefaultBatchSize
	}
	o.Breaker = o.Breaker.withDefaults()
	d := &Drainer{options: o, log: o.Logger, pass: make(chan struct{}, 1), runs: map[place]*drain{}, seen: map[string]bool{}}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.options.openRun == nil {
		d.options.openRun = spool.Open
	}
	d.complain = newComplaints(o.Logger)
	d.health.init(o.Spool)
	d.store = guard(o.Store, o.Breaker, d.breakerChanged)
	d.pace = newPace(o.Store)
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
	d.health.show()
	tick := time.NewTicker(d.options.Interval)
	defer tick.Stop()
	failures := 0 // passes in a row
	for {
		next := time.Now().Add(d.options.Interval)
		err := d.drainAll(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrCircuitOpen) {
			d.complain.about(err)
		}
		if failures++; err == nil || errors.Is(err, ErrCircuitOpen) {
			failures = 0
		}
		tick.Reset(d.pause(failures))
		for d.maintainInTurn(ctx) && time.Now().Before(next) {
		}
		select {
		case <-ctx.Done():
			d.store.forceOnce()
			return d.drainAll(context.WithoutCancel(ctx))
		case <-tick.C:
		}
	}
}

// maxBackOff is how many times the interval a pause after failures takes at most.
const maxBackOff = 16

// pause is how long to wait before the next pass: the interval, and after passes
// that failed twice as long for each, up to maxBackOff, give or take a half. So the
// drainers of many hosts do not come to an engine all at once when it is back.
func (d *Drainer) pause(failures int) time.Duration {
	if failures == 0 {
		return d.options.Interval
	}
	wait := d.options.Interval * time.Duration(min(1<<min(failures-1, 10), maxBackOff))
	return max(1, wait/2+rand.N(wait))
}

// Once makes one pass over all runs: everything they have published so far is
// stored when it returns, and what dead processes left is gone from the spool.
// The error joins those of the runs that failed; the other runs are stored.
func (d *Drainer) Once(ctx context.Context) (Stats, error) {
	defer d.release()
	d.health.show()
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
	for at, r := range d.runs {
		if r.run != nil {
			r.run.Close()
		}
		delete(d.runs, at)
	}
	d.health.hide()
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

// breakerChanged is told of the sums at each change of the circuit breaker.
func (d *Drainer) breakerChanged(sum Breaker, last error) {
	d.health.breaker(sum, last)
	d.log.Warn("circuit breaker", "state", sum.State, "opened", sum.Opened, "failures", sum.Failures, "open", sum.Open, "error", last)
	if sum.State == status.Open && d.options.Logger == nil {
		d.complain.about(fmt.Errorf("%w; tried again every %v", ErrCircuitOpen, d.options.Breaker.Timeout))
	}
}
