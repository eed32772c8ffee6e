package sink

import (
	"context"
	"errors"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// RunID is a Store's own number of a run.
type RunID int64

// ErrUnknownRun says that a Store does not know a run, or not any more: it has
// to be made known by Run.
var ErrUnknownRun = errors.New("the store does not know the run")

// Store keeps calls. Its methods are not called at the same time.
//
// A Store that cannot write a Batch and the positions in it at once has to
// recognise a Batch that it was given before: after an error, and after a
// crash, the same calls come again, in batches of other sizes.
type Store interface {
	// Run makes a run known, if it is not yet, and returns the positions that
	// were stored with its latest Batch. It is called once per run and drainer,
	// and again after a Write that failed.
	Run(ctx context.Context, info *spool.Info) (RunID, []spool.Position, error)
	// Write stores a Batch wholly or, with an error, not at all. It must not
	// keep the Batch; strings and Functions in it may be kept.
	Write(ctx context.Context, b *Batch) error
	Close() error
}

// Maintainer is a Store that has work of its own between two Batches, such as
// deleting what has expired. A drainer calls Maintain after each Write and
// between its passes, never at the same time as another method.
type Maintainer interface {
	// Maintain does a part of what is due, small enough for calls to wait for,
	// and reports whether more is. An error is logged, and Maintain called again
	// at the next pass.
	Maintain(ctx context.Context) (more bool, err error)
}

// Batch is what a Store writes at once. All of it is of one run.
type Batch struct {
	Run         RunID
	Calls       []spool.Call
	Drops       []spool.Drops
	Lanes       []spool.Lane     // reports: of each lane the last one counts
	Figures     []spool.Figures  // how the process was
	Positions   []spool.Position // only those that have changed
	Quarantined int              // damaged segments that were taken away
	Bytes       int64            // of spool that Calls and Drops took
	Ended       bool             // nothing more will come: the positions may go
	Breaker     Breaker          // what the Drainer's circuit breaker did since the last Batch
	// Open are the calls that the process had open when it ended. They come with
	// Ended, perhaps more than once, and one of them may be among the calls that
	// are stored: then it is not open.
	Open *spool.OpenCalls
}

// empty reports whether there is nothing to write.
func (b *Batch) empty() bool {
	return len(b.Calls) == 0 && len(b.Drops) == 0 && len(b.Lanes) == 0 && len(b.Figures) == 0 && len(b.Positions) == 0 && b.Quarantined == 0 && !b.Ended
}

// reset makes the batch ready for the next records of a run.
func (b *Batch) reset(run RunID) {
	clear(b.Calls)
	*b = Batch{Run: run, Calls: b.Calls[:0], Drops: b.Drops[:0], Lanes: b.Lanes[:0], Figures: b.Figures[:0], Positions: b.Positions[:0]}
}
