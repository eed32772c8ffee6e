package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/monitorgen/monitorgen/sink"
)

var (
	_ sink.Maintainer = (*Store)(nil)
	_ sink.Paced      = (*Store)(nil)
)

// pace is how long a batch should take. Nobody else can write meanwhile.
const pace = 10 * time.Millisecond

// Pace makes Store a sink.Paced.
func (s *Store) Pace() time.Duration { return pace }

// Maintain does a part of what is due besides writing, and reports whether more
// is: it indexes partitions that were closed, and applies the Retention, for the
// first time a minute after Open. A part takes some 10 ms, or what it
// takes to read a partition that others wrote. Retention that fails is tried again a minute later, then
// less and less often, down to once an hour.
func (s *Store) Maintain(ctx context.Context) (more bool, err error) {
	if !s.unindexed && !s.expiry.isDue() {
		return false, nil
	}
	if err := s.checkFile(); err != nil {
		return false, err
	}
	if s.unindexed {
		if more, err := s.indexNext(ctx); more || err != nil {
			return more, err
		}
	}
	return s.expiry.step(ctx)
}

// Retain applies the Retention now, wholly, and says what went.
func (s *Store) Retain(ctx context.Context) (Gone, error) {
	if err := s.checkFile(); err != nil {
		return Gone{}, err
	}
	s.expiry.gone, s.expiry.due = Gone{}, time.Time{}
	for {
		more, err := s.expiry.step(ctx)
		if err != nil || !more {
			return s.expiry.gone, err
		}
		if err := ctx.Err(); err != nil {
			return s.expiry.gone, fmt.Errorf("%s: retention: %w", s.path, err)
		}
	}
}
