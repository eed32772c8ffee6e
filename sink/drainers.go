package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// Forwarder is a Store that keeps no positions, since what it sends calls to has
// no place for them. A Drainer keeps them in the folder of each run. A crash
// between the two has calls sent again, with the same ids.
type Forwarder interface {
	Store
	// Name is fit for a file's name, and the same for the same receiver. It is
	// asked for after Run; "" says that the Store keeps positions after all.
	Name() string
}

// Drainers drain the same spools into several Stores, each with a Drainer of its
// own: a Store that is slow or fails keeps none of the others from their work, and
// has a circuit breaker of its own. They share the drain lock of each run. A
// segment of a spool is free when the slowest Store has it: while one is down, the
// spool fills for all.
type Drainers struct {
	each []*Drainer
	pool *spool.Pool // nil for one Store
}

// NewDrainers returns Drainers that have not started, for the Store of the options
// and for more.
func NewDrainers(o DrainerOptions, more ...Store) *Drainers {
	if len(more) == 0 {
		return &Drainers{each: []*Drainer{NewDrainer(o)}}
	}
	d := &Drainers{pool: spool.NewPool(1 + len(more))}
	logger, progress := o.Logger, o.Progress
	for i, store := range append([]Store{o.Store}, more...) {
		reader := i
		o.Store = store
		o.openRun = func(folder, id string) (*spool.Run, error) { return d.pool.Open(reader, folder, id) }
		if name, ok := store.(fmt.Stringer); ok && logger != nil {
			o.Logger = logger.With("store", name.String())
		} else {
			o.Logger = logger
		}
		o.Progress = nil
		if i == 0 {
			o.Progress = progress
		}
		d.each = append(d.each, NewDrainer(o))
	}
	return d
}

// Run is Drainer.Run for all Stores. The error joins those of the Stores.
func (d *Drainers) Run(ctx context.Context) error {
	return d.all(func(one *Drainer) error { return one.Run(ctx) })
}

// Once is Drainer.Once for all Stores.
func (d *Drainers) Once(ctx context.Context) (Stats, error) {
	err := d.all(func(one *Drainer) error {
		_, err := one.Once(ctx)
		return err
	})
	return d.Stats(), err
}

// Stats returns what was stored so far in the first Store.
func (d *Drainers) Stats() Stats { return d.each[0].Stats() }

// all does something with each Drainer, at the same time, and gives the locks back.
func (d *Drainers) all(do func(*Drainer) error) error {
	failed := make([]error, len(d.each))
	var running sync.WaitGroup
	for i, one := range d.each {
		running.Go(func() { failed[i] = do(one) })
	}
	running.Wait()
	err := errors.Join(failed...)
	if d.pool == nil {
		return err
	}
	if err == nil && d.pool.Awaited() {
		// Who came to the end of a run before another had to leave it.
		err = d.inTurn(func(one *Drainer) error {
			_, err := one.Once(context.Background())
			return err
		})
	}
	return errors.Join(err, d.pool.Close())
}

// inTurn does something with one Drainer after the other.
func (d *Drainers) inTurn(do func(*Drainer) error) error {
	var failed []error
	for _, one := range d.each {
		failed = append(failed, do(one))
	}
	return errors.Join(failed...)
}
