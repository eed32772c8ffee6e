//go:build unix

package sink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// forwarder is a Store that keeps no positions.
type forwarder struct{ *memory }

func (forwarder) Name() string { return "forwarder" }

func (f forwarder) Write(ctx context.Context, b *sink.Batch) error {
	positions := b.Positions
	b.Positions = nil
	defer func() { b.Positions = positions }()
	return f.memory.Write(ctx, b)
}

// A store that fails keeps another from nothing; the spool keeps what it has not.
func TestDrainersAreApart(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	first := w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Price(2).Record(), spooltest.End())
	w.Segment(wire.LaneNormal, 0, 2, spooltest.Price(4).Record())
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(3, 1).Record())
	down := errors.New("the engine is down")
	good, bad := &memory{}, &memory{fail: func() error { return down }}
	drainers := func() *sink.Drainers {
		return sink.NewDrainers(sink.DrainerOptions{Spool: folder, Store: good}, forwarder{bad})
	}

	if _, err := drainers().Once(t.Context()); !errors.Is(err, down) {
		t.Errorf("got %v, want that one is down", err)
	}
	if want := []uint64{1, 2, 3, 4}; !slices.Equal(good.sorted(), want) {
		t.Errorf("the good store has %v, want %v", good.sorted(), want)
	}
	if _, err := os.Stat(first); err != nil {
		t.Errorf("what the other store has not is gone: %v", err)
	}

	// The process ends, and the drainers are new ones: nothing is stored twice.
	w.Die()
	if _, err := drainers().Once(t.Context()); !errors.Is(err, down) {
		t.Errorf("got %v, want that one is down", err)
	}
	if len(good.ended) != 0 {
		t.Error("the run has ended in a store while another has not all of it")
	}
	bad.fail = nil
	if _, err := drainers().Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]*memory{"good": good, "bad": bad} {
		if want := []uint64{1, 2, 3, 4}; !slices.Equal(store.sorted(), want) {
			t.Errorf("the %s store has %v, want %v", name, store.sorted(), want)
		}
	}
	if bad.ids[0] != 3 {
		t.Errorf("stored in the order %v: the failed call first", bad.ids)
	}
	wantEmpty(t, folder)
}

// A Forwarder's positions outlive its drainer, whose run goes on.
func TestForwarderPositions(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	path := w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Price(2).Record())
	store := forwarder{&memory{}}
	once := func() {
		t.Helper()
		if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store}).Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	once()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	once()
	if want := []uint64{1, 2}; !slices.Equal(store.sorted(), want) {
		t.Errorf("stored %v of a segment of %d bytes, want %v", store.sorted(), info.Size(), want)
	}
	// Positions that make no sense have all of it stored again, with the same ids.
	kept := filepath.Join(w.Dir, "forwarder.positions")
	if err := os.WriteFile(kept, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	once()
	if want := []uint64{1, 1, 2, 2}; !slices.Equal(store.sorted(), want) {
		t.Errorf("stored %v, want %v", store.sorted(), want)
	}
	w.Die()
	once()
	wantEmpty(t, folder)
}
