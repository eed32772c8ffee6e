package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// drain is the work on one run.
type drain struct {
	drainer     *Drainer
	run         *spool.Run // nil when it has to be opened again
	alive       bool
	figured     int64 // when the process was last asked how it is, or said so
	seenAlive   int64 // when it last was, in nanoseconds since 1970 UTC; 0: never
	known       bool  // the Store knows the run
	id          RunID
	session     string
	stored      int64 // spool bytes of the batches so far
	quarantined int   // damaged segments that no batch has told of yet
}

// store brings what the run has published so far into the Store, as far as next
// gives it: spool.Run.Next or NextError.
func (r *drain) store(ctx context.Context, next func(*spool.Run, *spool.Record) error) error {
	if err := r.poll(); err != nil {
		return err
	}
	if !r.known {
		if !r.ready() {
			return nil
		}
		if err := r.introduce(ctx); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		more, err := r.storeBatch(ctx, next, r.drainer.pace.limit(n, r.drainer.options.BatchSize))
		if err != nil || !more {
			return err
		}
		r.drainer.maintain(ctx)
		r.drainer.yield()
	}
}

// poll reads the definitions; those that are damaged go to quarantine.
func (r *drain) poll() error {
	for {
		err := r.run.Poll()
		var damage *spool.Damage
		if !errors.As(err, &damage) {
			return err
		}
		if err := r.quarantine(damage); err != nil {
			return err
		}
	}
}

// ready reports whether the run can be made known: it has said who it is, or it
// never will although it has calls.
func (r *drain) ready() bool {
	if _, known := r.run.Info(); known {
		return true
	}
	return (!r.alive || r.run.DefinitionsLost()) && r.run.HasCalls()
}

// introduce makes the run known to the Store and goes to where it left off.
func (r *drain) introduce(ctx context.Context) error {
	info, _ := r.run.Info()
	id, positions, err := r.drainer.store.Run(ctx, &info)
	if name := r.drainer.forwardsTo(); name != "" && err == nil {
		positions, err = r.run.KeptPositions(name)
	}
	if err != nil {
		return err
	}
	r.run.Seek(positions)
	r.id, r.session, r.known = id, info.Session, true
	if !r.drainer.seen[info.ID] {
		r.drainer.seen[info.ID] = true
		r.drainer.log.Info("draining a run", "run", info.ID, "pid", info.PID, "program", info.Program)
		r.drainer.count(r.session, Counts{Runs: 1})
	}
	return nil
}

// forwardsTo is the name under which positions are kept for the Store, "" when it
// keeps them.
func (d *Drainer) forwardsTo() string {
	if f, ok := d.options.Store.(Forwarder); ok {
		return f.Name()
	}
	return ""
}

// storeBatch stores one batch of so many calls at most; more says that there is another.
func (r *drain) storeBatch(ctx context.Context, next func(*spool.Run, *spool.Record) error, most int) (more bool, err error) {
	b := &r.drainer.batch
	b.reset(r.id)
	counts, more, stop := r.fill(b, next, most)
	if f, ok := r.askIdle(); ok {
		b.Figures = append(b.Figures, f)
	}
	b.Positions = append(b.Positions, r.run.Positions()...)
	b.Quarantined = r.quarantined
	b.Bytes = r.run.BytesRead() - r.stored
	if !b.empty() || r.drainer.store.closedAgain() {
		began := time.Now()
		if err := r.drainer.store.Write(ctx, b); err != nil {
			r.letGo()
			return false, err
		}
		r.drainer.pace.took(int(counts.Calls), time.Since(began))
		counts.Bytes, counts.Quarantined = b.Bytes, b.Quarantined
		r.stored, r.quarantined = r.run.BytesRead(), 0
		r.drainer.count(r.session, counts)
	}
	if name := r.drainer.forwardsTo(); name != "" && len(b.Positions) > 0 {
		if err := r.run.KeepPositions(name); err != nil {
			return false, err
		}
	}
	if err := r.run.Committed(); err != nil {
		return false, err
	}
	var damage *spool.Damage
	if errors.As(stop, &damage) {
		return true, r.quarantine(damage)
	}
	return more, stop
}

// fill reads records into the batch until it is full, or there is nothing more
// to read, or something stops it.
func (r *drain) fill(b *Batch, next func(*spool.Run, *spool.Record) error, most int) (counts Counts, full bool, stop error) {
	var record spool.Record
	text := 0
	for len(b.Calls) < most && text < maxBatchText {
		err := next(r.run, &record)
		if errors.Is(err, io.EOF) {
			return counts, false, nil
		}
		if err != nil {
			return counts, false, err
		}
		if record.Drops.Function != nil {
			b.Drops = append(b.Drops, record.Drops)
			counts.Drops += int64(record.Drops.Count)
			continue
		}
		if record.Lane.Lane != 0 {
			b.Lanes = append(b.Lanes, record.Lane)
			continue
		}
		if record.Figures.Time != 0 {
			b.Figures = append(b.Figures, record.Figures)
			r.figured = record.Figures.Time
			continue
		}
		b.Calls = append(b.Calls, record.Call)
		text += len(record.Call.Data) + len(record.Call.Exception)
		counts.Calls++
		if record.Call.Failed() {
			counts.Errors++
		}
	}
	return counts, true, nil
}

func (r *drain) quarantine(damage *spool.Damage) error {
	path, err := r.run.Quarantine(damage)
	if err != nil {
		return errors.Join(damage, err)
	}
	if !damage.Again {
		r.quarantined++
		r.drainer.complain.about(fmt.Errorf("%w; kept in %s", damage, path))
	}
	return nil
}

// errAwaited says that another Store has not all of a run yet: it is finished at a
// later pass.
var errAwaited = errors.New("another store has not all of the run yet")

// finish is for a run whose process is dead and whose records are all stored.
// The calls go before the Store forgets the positions, the definitions after:
// wherever this stops, it can be done again and nothing is stored twice.
func (r *drain) finish(ctx context.Context) error {
	if r.known {
		err := r.run.RemoveCalls()
		if errors.Is(err, spool.ErrAwaited) {
			return errAwaited
		}
		if err != nil {
			return err
		}
		open, err := r.run.OpenCalls()
		if err != nil {
			return err
		}
		open.SeenAt(r.seenAlive, spool.SignReader)
		b := &Batch{Run: r.id, Quarantined: r.quarantined, Ended: true, Open: open}
		if err := r.drainer.store.Write(ctx, b); err != nil {
			r.letGo()
			return err
		}
		if n := len(open.Calls) + open.Deeper; r.quarantined > 0 || n > 0 {
			r.drainer.count(r.session, Counts{Quarantined: r.quarantined, Open: int64(n)})
		}
	}
	run := r.run
	r.run = nil
	return run.Remove()
}

// letGo is for a Store that failed: what was read since is read again, from the
// positions that the Store then says.
func (r *drain) letGo() {
	r.run.Close()
	r.run = nil
}
