package dashboard

import (
	"context"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// What is known of running programs comes from beside the database: its spool
// folder, by the functions of Options.

// SinkState is how a living sink of the database is.
type SinkState struct {
	PID      int
	Host     string
	Program  string
	State    string // OK, DELAYED or CIRCUIT_OPEN
	Breaker  string // CLOSED, OPEN or HALF_OPEN
	Failures int64
	Error    string
	Behind   int64 // nanoseconds since it has not come to the end of the spool
}

// Spooled is a run that has a spool beside the database: what it recorded last
// may not be stored yet.
type Spooled struct {
	UUID    string
	Alive   bool             // its process lives
	Waiting map[string]int64 // bytes that are not stored yet, by lane: normal, error
}

// spooled returns the runs in the spool folder, by uuid; nil where nobody tells.
func (s *Server) spooled(ctx context.Context) map[string]Spooled {
	if s.options.Spools == nil {
		return nil
	}
	all, err := s.options.Spools(ctx)
	if err != nil {
		return nil // who cannot be asked is not known
	}
	byID := make(map[string]Spooled, len(all))
	for _, run := range all {
		byID[run.UUID] = run
	}
	return byID
}

// signOfLife is how long ago a run that has no spool here has said something when
// it still counts as living. Drainers write its figures each second.
const signOfLife = 15 * time.Second

// runState is a run, and whether its process lives. One that was killed and that
// nobody drained has not ended for the database.
type runState struct {
	query.Run
	Living    bool
	Undrained bool // it does not, and what it recorded last is still in its spool
}

// runs returns the runs, newest first. A process lives when it holds the lock of
// its spool; of a spool that is elsewhere, when it was heard of just now.
func (s *Server) runs(ctx context.Context, spooled map[string]Spooled) ([]runState, error) {
	runs, err := s.repo.Runs(ctx)
	if err != nil {
		return nil, err
	}
	since := time.Now().Add(-signOfLife).UnixNano()
	states := make([]runState, len(runs))
	for i, run := range runs {
		states[i].Run = run
		if run.Ended {
			continue
		}
		if here, ok := spooled[run.UUID]; ok {
			states[i].Living, states[i].Undrained = here.Alive, !here.Alive
			continue
		}
		heard := max(run.Started, run.Last)
		if f, err := s.repo.Figures(ctx, run.ID); err != nil {
			return nil, err
		} else if f != nil {
			heard = max(heard, f.At)
		}
		states[i].Living = heard > since
	}
	return states, nil
}

// living reports whether a recorded process lives.
func (s *Server) living(ctx context.Context) (bool, error) {
	runs, err := s.runs(ctx, s.spooled(ctx))
	return slices.ContainsFunc(runs, func(r runState) bool { return r.Living }), err
}
