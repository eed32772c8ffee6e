package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

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

// drainAll makes one pass. After failures it first stores the failed calls of all
// runs: much may have come meanwhile.
func (d *Drainer) drainAll(ctx context.Context) (err error) {
	if !d.store.ready() {
		return ErrCircuitOpen
	}
	ended := d.health.pass()
	defer func() { ended(err) }()
	places, err := d.places()
	if err != nil {
		return err
	}
	var failed []error
	if d.store.failing() {
		_, failed = d.each(ctx, places, d.drainErrors)
	}
	var busy int
	if len(failed) == 0 {
		busy, failed = d.each(ctx, places, d.drainRun)
	}
	d.mu.Lock()
	d.stats.Busy, d.stats.Failed = busy, len(failed)
	d.mu.Unlock()
	return errors.Join(append(failed, ctx.Err())...)
}

// places returns where there are runs, our own first: what others left can wait.
func (d *Drainer) places() (places []place, err error) {
	folders := []string{d.options.Spool}
	if d.options.Folders != nil {
		if folders, err = d.options.Folders(); err != nil {
			return nil, err
		}
	}
	for _, folder := range folders {
		ids, err := spool.List(folder)
		if err != nil && len(folders) == 1 {
			return nil, err
		}
		if err != nil {
			d.complain.about(err)
		}
		for _, id := range ids {
			places = append(places, place{folder, id})
		}
	}
	if d.options.own != nil {
		if i := slices.IndexFunc(places, func(at place) bool { return d.options.own(at.id) }); i > 0 {
			places[0], places[i] = places[i], places[0]
		}
	}
	return places, nil
}

// each does the work on all runs, each in its turn, until the Store is left alone.
func (d *Drainer) each(ctx context.Context, places []place, work func(context.Context, place) error) (busy int, failed []error) {
	for _, at := range places {
		err := d.inTurn(ctx, func() error { return work(ctx, at) })
		switch {
		case err == nil:
		case errors.Is(err, spool.ErrBusy):
			busy++
		case errors.Is(err, ErrCircuitOpen) && len(failed) > 0: // for the reasons that there are
		default:
			failed = append(failed, err)
		}
		if ctx.Err() != nil || !d.store.ready() {
			break
		}
	}
	return busy, failed
}

// inTurn works on a run when nobody else does, and again if the Store has
// forgotten it.
func (d *Drainer) inTurn(ctx context.Context, work func() error) error {
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	err := work()
	if errors.Is(err, ErrUnknownRun) {
		err = work()
	}
	return err
}

// drainOne is drainRun in its turn, for a run in the folder Spool.
func (d *Drainer) drainOne(ctx context.Context, id string) error {
	if !d.store.ready() {
		return ErrCircuitOpen
	}
	return d.inTurn(ctx, func() error { return d.drainRun(ctx, place{d.options.Spool, id}) })
}

// drainErrors stores what one run has published of failed calls.
func (d *Drainer) drainErrors(ctx context.Context, at place) error {
	r, err := d.open(at)
	if r == nil || err != nil {
		return err
	}
	if err := r.store(ctx, (*spool.Run).NextError); err != nil {
		return fmt.Errorf("drain the errors of run %s: %w", at.id, err)
	}
	return nil
}

// drainRun stores what one run has published.
func (d *Drainer) drainRun(ctx context.Context, at place) error {
	r, err := d.open(at)
	if r == nil || err != nil {
		return err
	}
	if err := r.store(ctx, (*spool.Run).Next); err != nil {
		return fmt.Errorf("drain run %s: %w", at.id, err)
	}
	if r.alive {
		return nil
	}
	if err := r.finish(ctx); errors.Is(err, errAwaited) {
		return nil
	} else if err != nil {
		return fmt.Errorf("end run %s: %w", at.id, err)
	}
	delete(d.runs, at)
	return nil
}

// open returns the work on a run, with its lock and with whether its process is
// alive; nil for one that is not ours.
func (d *Drainer) open(at place) (*drain, error) {
	r := d.runs[at]
	if r == nil || r.run == nil {
		var err error
		if r, err = d.take(at, r); r == nil || err != nil {
			return nil, err
		}
	}
	var err error
	if r.alive, err = r.run.Alive(); err != nil {
		return nil, err
	}
	if r.alive {
		r.seenAlive = time.Now().UnixNano()
	}
	return r, nil
}

// take takes the lock of a run that nobody has, or that r had; nil for one that is not ours.
func (d *Drainer) take(at place, r *drain) (*drain, error) {
	if skip, err := d.leave(at); skip || err != nil {
		return nil, err
	}
	run, err := d.options.openRun(at.folder, at.id)
	if errors.Is(err, fs.ErrNotExist) {
		delete(d.runs, at) // another drainer removed it after List
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &drain{drainer: d}
		d.runs[at] = r
	}
	r.run, r.known, r.stored = run, false, 0
	return r, nil
}

// leave reports whether the run of another living process is left to it.
func (d *Drainer) leave(at place) (bool, error) {
	if d.options.own == nil || d.options.own(at.id) {
		return false, nil
	}
	return spool.Alive(at.folder, at.id)
}
