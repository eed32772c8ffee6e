package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"
)

// SpoolOf returns the spool folder that belongs to a database file.
func SpoolOf(db string) string { return db + "-spool" }

// DrainedElsewhere reports whether this process is not to drain its own spool:
// recording is off (MONITOR=off), or MONITOR_SPOOL names a spool that
// monitorgen run or an agent drains.
func DrainedElsewhere() bool {
	return os.Getenv("MONITOR") == "off" || os.Getenv("MONITOR_SPOOL") != ""
}

// Options configure Start. Store and Spool are needed.
type Options struct {
	Store    Store         // closed by Close, also when Start fails
	Also     []Store       // further ones, for the same calls; closed with it
	Spool    string        // folder of this program's runs; made when it is not there
	Interval time.Duration // between two passes; 0 is DefaultInterval
	Breaker  BreakerOptions
	// Signals that end the program: on one of them the Sink is closed, and then
	// the signal is sent again without us listening, so that the program ends as
	// it would have. Leave out signals that the program itself listens to: it
	// would see them twice.
	Signals []os.Signal
	Logger  *slog.Logger // as in DrainerOptions
}

// Sink records this program into a Store.
type Sink struct {
	idle    bool // somebody else drains
	stores  []Store
	drainer *Drainers
	record  recorder

	stop    context.CancelFunc
	done    chan struct{} // closed when the drainer has ended
	last    error         // of the drainer; read it after done
	signals chan os.Signal
	close   func() error // once
}

// recorder is what Start needs of package runtime.
type recorder interface {
	Start(spool string) error // begins recording into a run of its own
	RunID() string
	Flush() error // publishes what is held back
	Stop() error  // ends recording and the run
}

// Start turns recording on and drains this program's spool, and what dead
// programs left in the same folder, in the background. ctx bounds the start
// alone.
//
// Where DrainedElsewhere, Start leaves everything to whom it may concern: it
// returns a Sink whose Flush does nothing.
func Start(ctx context.Context, o Options) (*Sink, error) {
	return start(ctx, o, process{})
}

func start(ctx context.Context, o Options, record recorder) (_ *Sink, err error) {
	s := &Sink{stores: o.Also, record: record, idle: DrainedElsewhere()}
	if o.Store != nil {
		s.stores = append([]Store{o.Store}, o.Also...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeStores())
		}
	}()
	if s.idle {
		s.close = sync.OnceValue(s.closeStores)
		return s, nil
	}
	if o.Store == nil || o.Spool == "" {
		return nil, errors.New("start the sink: Options.Store and Options.Spool are needed")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	if o.Spool, err = filepath.Abs(o.Spool); err != nil { // the program may change its folder
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	if err := os.MkdirAll(o.Spool, 0o700); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	if err := record.Start(o.Spool); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	s.done = make(chan struct{})
	s.drainer = NewDrainers(DrainerOptions{
		Spool: o.Spool, Store: o.Store, Interval: o.Interval, Breaker: o.Breaker, Logger: o.Logger,
		own: func(id string) bool { return id == record.RunID() },
	}, o.Also...)
	s.close = sync.OnceValue(s.shutDown)
	draining, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() {
		defer close(s.done)
		s.last = s.drainer.Run(draining)
	}()
	if len(o.Signals) > 0 {
		s.signals = make(chan os.Signal, 1)
		signal.Notify(s.signals, o.Signals...)
		go s.obey()
	}
	return s, nil
}

// obey waits for the first signal, or for Close.
func (s *Sink) obey() {
	select {
	case got := <-s.signals:
		if err := s.Close(); err != nil {
			s.drainer.each[0].complain.about(err)
		}
		signal.Stop(s.signals)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Signal(got)
		}
	case <-s.done:
		signal.Stop(s.signals)
	}
}

// Flush returns when every call that had ended before it was called is stored.
// The error wraps spool.ErrBusy when another drainer has taken this program's
// run: then that one stores it.
func (s *Sink) Flush(ctx context.Context) error {
	if s.idle {
		return nil
	}
	select {
	case <-s.done:
		return s.last
	default:
	}
	if err := s.record.Flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	own := s.record.RunID()
	if own == "" {
		return nil // recording has been stopped: the drainer comes to the end of it
	}
	if err := s.drainer.inTurn(func(d *Drainer) error { return d.drainOne(ctx, own) }); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Recover stores what dead programs have left in the spool folder, which the
// Sink does in the background, too: it is for programs that live so shortly
// that it may not come to it.
func (s *Sink) Recover(ctx context.Context) error {
	if s.idle {
		return nil
	}
	select {
	case <-s.done:
		return s.last
	default:
	}
	if err := s.drainer.inTurn(func(d *Drainer) error { return d.drainAll(ctx) }); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	return nil
}

// Stats returns what was stored so far.
func (s *Sink) Stats() Stats {
	if s.idle {
		return Stats{}
	}
	return s.drainer.Stats()
}

// Close ends recording, stores what is left and closes the Store. It may be
// called more than once, also at the same time, and returns the same error.
func (s *Sink) Close() error { return s.close() }

func (s *Sink) shutDown() error {
	stopped := s.record.Stop()
	s.stop()
	<-s.done
	return errors.Join(stopped, s.last, s.closeStores())
}

func (s *Sink) closeStores() error {
	var failed []error
	for _, store := range s.stores {
		failed = append(failed, store.Close())
	}
	return errors.Join(failed...)
}
