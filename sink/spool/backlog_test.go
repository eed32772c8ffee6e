//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// What is behind the positions counts, in every stream: whole older segments, and
// of the newest one the records.
func TestBacklog(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "s1")
	price, fail := spooltest.Price(1).Record(), spooltest.Fail(2, 1).Record()
	first := w.Segment(wire.LaneNormal, 0, 1, price, price, spooltest.End())
	w.Segment(wire.LaneNormal, 0, 2, price, price, price)
	w.Segment(wire.LaneNormal, 1, 1, price)
	w.Segment(wire.LaneError, 0, 1, fail)
	info, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	older := info.Size() - wire.SegmentHeaderSize
	one, failed := int64(len(price)), int64(len(fail))
	at := func(shard, segment uint32, records int) Position {
		return Position{Lane: wire.LaneNormal, Shard: shard, Segment: segment, Offset: wire.SegmentHeaderSize + uint64(records*len(price))}
	}
	for _, c := range []struct {
		what   string
		stored []Position
		want   Backlog
	}{
		{"nothing is stored", nil, Backlog{older + 4*one, failed}},
		{"within the first segment", []Position{at(0, 1, 1)}, Backlog{older - one + 4*one, failed}},
		{"the first one is stored, and not freed yet", []Position{at(0, 2, 0)}, Backlog{4 * one, failed}},
		{"all but one", []Position{at(0, 2, 2), at(1, 1, 1), {Lane: wire.LaneError, Segment: 1, Offset: wire.SegmentHeaderSize + uint64(failed)}}, Backlog{one, 0}},
		{"all, and the next segment is not there yet", []Position{at(0, 3, 0), at(1, 1, 1)}, Backlog{0, failed}},
	} {
		if got, err := ReadBacklog(spool, w.ID, c.stored); err != nil || got != c.want {
			t.Errorf("%s: %+v, want %+v (%v)", c.what, got, c.want, err)
		}
	}
	if _, err := ReadBacklog(spool, "00000000000000000000000000000000", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a run that is gone: %v", err)
	}
}
