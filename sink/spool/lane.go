package spool

import (
	"fmt"
	"math"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Lane says what has become of the records of one lane since the start of the
// run: the sums of an earlier report are in those of a later one.
type Lane struct {
	Lane       wire.Lane // LaneNormal or LaneError
	Time       int64     // wall clock, nanoseconds since 1970 UTC
	Enqueued   int64     // records in the spool
	Overflowed int64     // records that found no room
	Recovered  int64     // of these, that got into the spool later
	Dropped    int64     // of these, that are only counted
	Bytes      int64     // of the records in the spool
	Used       int64     // bytes of the normal lane's segments, and
	Bound      int64     // how many there may be
	Warnings   int64     // how often Used came near Bound
}

func decodeLane(body []byte, out *Lane) error {
	c := cursor{b: body}
	lane := Lane{Lane: wire.Lane(c.u32())}
	c.u32()
	for _, n := range []*int64{&lane.Time, &lane.Enqueued, &lane.Overflowed, &lane.Recovered, &lane.Dropped, &lane.Bytes, &lane.Used, &lane.Bound, &lane.Warnings} {
		u := c.u64()
		if u > math.MaxInt64 {
			return fmt.Errorf("lane: a count of %d", u)
		}
		*n = int64(u)
	}
	if c.bad {
		return fmt.Errorf("lane: %w", errShort)
	}
	if lane.Lane != wire.LaneNormal && lane.Lane != wire.LaneError {
		return fmt.Errorf("lane: number %d", lane.Lane)
	}
	*out = lane
	return nil
}
