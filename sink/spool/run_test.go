//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

func open(t *testing.T, spool string, w *spooltest.Run) *Run {
	t.Helper()
	r, err := Open(spool, w.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// poll asks whether the process lives, as a reader must, and polls.
func poll(t *testing.T, r *Run) {
	t.Helper()
	if _, err := r.Alive(); err != nil {
		t.Fatal(err)
	}
	if err := r.Poll(); err != nil {
		t.Fatal(err)
	}
}

// readIDs reads calls until err, which it returns if it is not io.EOF.
func readIDs(r *Run) (ids []uint64, err error) {
	var rec Record
	for {
		switch err := r.Next(&rec); {
		case err == io.EOF:
			return ids, nil
		case err != nil:
			return ids, err
		case rec.Drops.Function == nil:
			ids = append(ids, rec.Call.ID)
		}
	}
}

func wantIDs(t *testing.T, r *Run, want ...uint64) {
	t.Helper()
	ids, err := readIDs(r)
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("read %v, want %v (%v)", ids, want, err)
	}
}

func TestReadWhatIsThere(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "s1", spooltest.Source("example.com/desk", "book.go",
		"package desk\n\n// Fail fails.\nfunc (b *Book[T]) Fail(order Order) error {\n\treturn nil\n}\n"))
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Drops(0, 5))
	panicked := spooltest.Fail(3, 1)
	panicked.Flags, panicked.Stack, panicked.Results = wire.FlagError|wire.FlagPanic, "goroutine 1 [running]:", nil
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(2, 1).Record(), panicked.Record())
	r := open(t, spool, w)
	poll(t, r)
	info, known := r.Info()
	want := Info{ID: w.ID, Start: 1700000000000000000, PID: 42, Host: "host", Program: "/bin/desk", Args: []string{"-n", "3"},
		Go: "go1.26", OS: "linux/amd64", Module: "example.com/desk", Session: "s1"}
	if !known || fmt.Sprint(info) != fmt.Sprint(want) {
		t.Errorf("info %+v", info)
	}
	var got []Record
	for {
		var rec Record
		if err := r.Next(&rec); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec)
	}
	if len(got) != 4 {
		t.Fatalf("%d records", len(got))
	}
	// The error lane comes first.
	fail := got[0].Call
	if fail.ID != 2 || fail.Parent != 1 || fail.Trace != 1 || fail.Depth != 1 || fail.Exception != "no such order" || !fail.Failed() ||
		fail.Data != `[{"ID":7,"Secret":"***","Tags":["a","…(+2)"]},"no such order"]` {
		t.Errorf("%+v", fail)
	}
	if f := fail.Function; f.Line != 4 || !strings.HasPrefix(f.Source, "// Fail fails.\nfunc (b") || !strings.HasSuffix(f.Source, "}") {
		t.Errorf("line %d, source %q", f.Line, f.Source)
	}
	if p := got[1].Call; p.Exception != "panic: no such order\n\ngoroutine 1 [running]:" || p.Function != fail.Function {
		t.Errorf("%+v", p)
	}
	price := got[2].Call
	if price.ID != 1 || price.Data != `[1,"ACME",99.5,null]` || price.Exception != "" || price.Failed() ||
		price.Duration != 1500 || price.Function.Process != "desk.Price" || price.Function.Source != "func Price() {}" {
		t.Errorf("%+v", price)
	}
	if d := got[3].Drops; d.Function != price.Function || d.Count != 5 {
		t.Errorf("%+v", d)
	}
}

func TestDataWithoutArguments(t *testing.T) {
	args, results := spooltest.Price(1).Args, spooltest.Price(1).Results
	cases := []struct {
		name          string
		args, results []byte
		want          string
	}{
		{"sampled out", nil, nil, ""},
		{"results alone stand at their places", nil, results, `["…","…",99.5,null]`},
		{"no results", args, nil, `[1,"ACME"]`},
		{"the record was full", values(args)[:9], results, `[1,"…",99.5,null]`},
	}
	for _, c := range cases {
		spool := t.TempDir()
		w := spooltest.New(t, spool, 1)
		w.Define(spooltest.Desk(), "")
		call := spooltest.Price(1)
		call.Args, call.Results = c.args, c.results
		w.Segment(wire.LaneNormal, 0, 1, call.Record())
		r := open(t, spool, w)
		poll(t, r)
		var rec Record
		if err := r.Next(&rec); err != nil || rec.Call.Data != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.name, rec.Call.Data, c.want, err)
		}
	}
}

func TestFollowALivingProcess(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	first := spooltest.Price(1).Record()
	path := w.Segment(wire.LaneNormal, 3, 1, first)
	r := open(t, spool, w)
	poll(t, r)
	wantIDs(t, r, 1)
	poll(t, r)
	wantIDs(t, r)
	at := wire.SegmentHeaderSize + len(first)
	w.Append(path, at, spooltest.Price(2).Record())
	poll(t, r)
	wantIDs(t, r, 2)
	// The next segment does not exist yet when the first one ends.
	w.Append(path, at+len(first), spooltest.End())
	poll(t, r)
	wantIDs(t, r)
	positions := r.Positions()
	if want := []Position{{wire.LaneNormal, 3, 2, wire.SegmentHeaderSize}}; !slices.Equal(positions, want) {
		t.Errorf("positions %v, want %v", positions, want)
	}
	if err := r.Committed(); err != nil {
		t.Fatal(err)
	}
	free := filepath.Join(w.Dir, wire.FreeName(wire.LaneNormal, 3, 1))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stored segment is there still: %v", err)
	}
	if _, err := os.Stat(free); err != nil {
		t.Errorf("the writer does not get it back: %v", err)
	}
	w.Segment(wire.LaneNormal, 3, 2, spooltest.Price(3).Record())
	poll(t, r)
	wantIDs(t, r, 3)

	w.Die()
	poll(t, r)
	wantIDs(t, r)
	if err := errors.Join(r.Committed(), r.RemoveCalls(), r.Remove()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What an earlier turn of the file left behind the last record is not read,
// though it looks like records.
func TestEarlierTurn(t *testing.T) {
	for _, zeroed := range []bool{true, false} {
		spool := t.TempDir()
		w := spooltest.New(t, spool, 1)
		w.Define(spooltest.Desk(), "")
		mine, theirs := spooltest.Price(1).Record(), spooltest.Price(2).Record()
		theirs[wire.RecordTurnAt] = 255
		if zeroed {
			clear(theirs[:wire.RecordHeaderSize])
		}
		stale := spooltest.Price(3).Record()
		path := w.Segment(wire.LaneNormal, 0, 1, mine, theirs, stale)
		r := open(t, spool, w)
		poll(t, r)
		wantIDs(t, r, 1)
		next := spooltest.Price(4).Record()
		next = append(next, make([]byte, wire.RecordHeaderSize)...)
		w.Append(path, wire.SegmentHeaderSize+len(mine), next)
		poll(t, r)
		wantIDs(t, r, 4)
	}
}

func TestResume(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	read := w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.End())
	w.Segment(wire.LaneNormal, 0, 2, spooltest.Price(2).Record(), spooltest.Price(3).Record())
	r := open(t, spool, w)
	// A reader before us stored up to the second record of segment 2, and died
	// before it deleted segment 1.
	r.Seek([]Position{{wire.LaneNormal, 0, 2, uint64(wire.SegmentHeaderSize + len(spooltest.Price(2).Record()))}})
	poll(t, r)
	wantIDs(t, r, 3)
	if err := r.Committed(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(read); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the segment before the position is there still: %v", err)
	}
}

func TestOneReaderPerRun(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	r := open(t, spool, w)
	if _, err := Open(spool, w.ID); !errors.Is(err, ErrBusy) {
		t.Errorf("second Open: %v", err)
	}
	r.Close()
	again := open(t, spool, w)
	if alive, err := again.Alive(); !alive || err != nil {
		t.Errorf("alive %v, %v", alive, err)
	}
	w.Die()
	if alive, err := again.Alive(); alive || err != nil {
		t.Errorf("alive %v, %v", alive, err)
	}
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := Open(spool, w.ID); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of a removed run: %v", err)
	}
	if ids, err := List(spool); len(ids) > 0 || err != nil {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestRemoveLeavesStrangers(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	stranger := filepath.Join(w.Dir, "notes.txt")
	if err := os.WriteFile(stranger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Die()
	r := open(t, spool, w)
	poll(t, r)
	if err := r.Remove(); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Error(err)
	}
}

// Every way in which a segment can be damaged: what is before the damage and
// what is in other segments is read, and the segment is moved away.
func TestDamage(t *testing.T) {
	good := spooltest.Price(1).Record()
	torn := func(at int, to ...byte) []byte {
		b := slices.Clone(spooltest.Price(9).Record())
		copy(b[at:], to)
		return b
	}
	edit := func(at int, to ...byte) []byte {
		b := torn(at, to...)
		wire.Seal(b, 0)
		return b
	}
	cases := []struct {
		name string
		bad  []byte
	}{
		{"a body of zeros", torn(wire.RecordHeaderSize, make([]byte, 200)...)},
		{"one byte", torn(wire.CallHeaderSize+3, 1)},
		{"flags", torn(wire.RecordFlagsAt, wire.FlagGoexit)},
		{"no size", edit(0, 0, 0, 0)},
		{"size beyond the file", edit(0, 0, 0, 1)},
		{"size of a word alone", edit(0, 1, 0, 0)},
		{"kind", edit(wire.RecordKindAt, 99)},
		{"a definition among calls", spooltest.Source("p", "f", "t")},
		{"site", edit(wire.CallSiteAt, 9)},
		{"id 0", edit(wire.CallIDAt, 0)},
		{"id too large", edit(wire.CallIDAt+5, 1)},
		{"parent too large", edit(wire.CallParentAt+7, 1)},
		{"lengths", edit(wire.CallArgsLenAt, 0xff, 0xff, 0xff, 0xff)},
		{"value", edit(wire.CallHeaderSize, 77)},
		{"drops of nobody", spooltest.Drops(7, 1)},
		{"negative duration", edit(wire.CallDurationAt+7, 0xff)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			spool := t.TempDir()
			w := spooltest.New(t, spool, 1)
			w.Define(spooltest.Desk(), "")
			path := w.Segment(wire.LaneNormal, 0, 1, good, c.bad, spooltest.Price(5).Record(), c.bad, spooltest.Price(6).Record(), spooltest.End())
			w.Segment(wire.LaneNormal, 0, 2, spooltest.Price(3).Record())
			w.Segment(wire.LaneNormal, 1, 1, spooltest.Price(4).Record())
			r := open(t, spool, w)
			poll(t, r)
			ids, err := readIDs(r)
			var damage *Damage
			if !errors.As(err, &damage) || !slices.Equal(ids, []uint64{1}) {
				t.Fatalf("read %v, %v", ids, err)
			}
			if damage.Offset != uint64(wire.SegmentHeaderSize+len(good)) || damage.Segment != filepath.Base(path) {
				t.Errorf("damage %+v", damage)
			}
			if err := r.Committed(); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			moved, err := r.Quarantine(damage)
			if err != nil {
				t.Fatal(err)
			}
			if after, err := os.ReadFile(moved); err != nil || string(after) != string(before) {
				t.Errorf("the quarantined segment has changed: %v", err)
			}
			ids, err = readIDs(r)
			if !errors.As(err, &damage) || !damage.Again || !slices.Equal(ids, []uint64{5}) {
				t.Fatalf("behind the damage: read %v, %v", ids, err)
			}
			if again, err := r.Quarantine(damage); err != nil || again != moved {
				t.Errorf("%s, %v", again, err)
			}
			wantIDs(t, r, 6, 3, 4)
			if err := r.Committed(); err != nil {
				t.Fatal(err)
			}
			// The writer, which lives, must not get the segment to write into.
			if free, err := filepath.Glob(filepath.Join(w.Dir, "*"+wire.FreeSuffix)); err != nil || len(free) > 0 {
				t.Errorf("given back: %v, %v", free, err)
			}
			if after, err := os.ReadFile(moved); err != nil || string(after) != string(before) {
				t.Errorf("the quarantined segment has changed: %v", err)
			}
		})
	}
}

// A segment that is damaged all over is given up at some point.
func TestDamageAllOver(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	bad := spooltest.Drops(7, 1)
	records := make([][]byte, 4*maxDamages)
	for i := range records {
		records[i] = bad
	}
	w.Segment(wire.LaneNormal, 0, 1, records...)
	w.Segment(wire.LaneNormal, 0, 2, spooltest.Price(1).Record())
	r := open(t, spool, w)
	poll(t, r)
	var damage *Damage
	found := 0
	ids, err := readIDs(r)
	for ; errors.As(err, &damage); ids, err = readIDs(r) {
		found++
		if _, err := r.Quarantine(damage); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil || found != maxDamages+1 || !slices.Equal(ids, []uint64{1}) {
		t.Errorf("%d damages, then %v, %v", found, ids, err)
	}
}

func TestHeaders(t *testing.T) {
	corrupt := func(t *testing.T, path string, at int64, b ...byte) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name   string
		change func(t *testing.T, w *spooltest.Run, path string)
		damage bool
	}{
		{"magic", func(t *testing.T, _ *spooltest.Run, path string) { corrupt(t, path, 0, 'X') }, true},
		{"checksum", func(t *testing.T, _ *spooltest.Run, path string) { corrupt(t, path, wire.SegmentSizeAt, 1) }, true},
		{"of another place", func(t *testing.T, w *spooltest.Run, path string) {
			if err := os.Rename(path, filepath.Join(w.Dir, wire.SegmentName(wire.LaneNormal, 0, 2))); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"truncated header", func(t *testing.T, _ *spooltest.Run, path string) { truncate(t, path, 40) }, true},
		{"empty file", func(t *testing.T, _ *spooltest.Run, path string) { truncate(t, path, 0) }, false},
		{"all zero", func(t *testing.T, _ *spooltest.Run, path string) {
			truncate(t, path, 0)
			truncate(t, path, 8192)
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			spool := t.TempDir()
			w := spooltest.New(t, spool, 1)
			w.Define(spooltest.Desk(), "")
			path := w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
			w.Segment(wire.LaneNormal, 0, 5, spooltest.Price(5).Record())
			c.change(t, w, path)
			r := open(t, spool, w)
			poll(t, r)
			wantIDs(t, r) // the writer may be at work on the header
			w.Die()
			poll(t, r)
			ids, err := readIDs(r)
			var damage *Damage
			if errors.As(err, &damage) != c.damage {
				t.Fatalf("read %v, %v", ids, err)
			}
			if c.damage {
				if _, err := r.Quarantine(damage); err != nil {
					t.Fatal(err)
				}
				ids, err = readIDs(r)
			}
			if err != nil || !slices.Equal(ids, []uint64{5}) {
				t.Errorf("read %v, %v", ids, err)
			}
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestTruncatedSegment(t *testing.T) {
	record := spooltest.Price(1).Record()
	for name, size := range map[string]int{
		"between records": wire.SegmentHeaderSize + len(record),
		"in a record":     wire.SegmentHeaderSize + len(record) + 24,
		"in a word":       wire.SegmentHeaderSize + len(record) + 4,
	} {
		t.Run(name, func(t *testing.T) {
			spool := t.TempDir()
			w := spooltest.New(t, spool, 1)
			w.Define(spooltest.Desk(), "")
			path := w.Segment(wire.LaneNormal, 0, 1, record, spooltest.Price(2).Record())
			truncate(t, path, int64(size))
			w.Die()
			r := open(t, spool, w)
			poll(t, r)
			ids, err := readIDs(r)
			var damage *Damage
			if !errors.As(err, &damage) || !slices.Equal(ids, []uint64{1}) {
				t.Errorf("read %v, %v", ids, err)
			}
		})
	}
}

func TestFutureVersionIsLeftAlone(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	path := w.SegmentOfVersion(wire.Version+1, wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
	w.Segment(wire.LaneNormal, 1, 1, spooltest.Price(2).Record())
	w.Die()
	r := open(t, spool, w)
	poll(t, r)
	ids, err := readIDs(r)
	if !errors.Is(err, ErrVersion) || !slices.Equal(ids, []uint64{2}) {
		t.Errorf("read %v, %v", ids, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// A segment that a dead process left without an end mark does not hide those
// that come after it.
func TestDeadProcessLeftAnOpenSegment(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(1, 0).Record())
	w.Segment(wire.LaneError, 0, 2, spooltest.Fail(2, 0).Record())
	r := open(t, spool, w)
	poll(t, r)
	wantIDs(t, r, 1)
	w.Die()
	poll(t, r)
	wantIDs(t, r, 2)
}

// A site that is defined after the definitions were read is not damage.
func TestSiteDefinedLate(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	all := spooltest.Definitions(t, w.ID, spooltest.Desk(), "")
	early, late := all[:len(all)-1], all[len(all)-1]
	path := w.Segment(wire.LaneDefinition, 0, 1, early...)
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Fail(1, 0).Record())
	r := open(t, spool, w)
	poll(t, r)
	at := wire.SegmentHeaderSize
	for _, b := range early {
		at += len(b)
	}
	w.Append(path, at, late)
	wantIDs(t, r, 1)
}

// When definitions are lost, calls are kept under a name of their site's number.
func TestLostDefinitions(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Segment(wire.LaneDefinition, 0, 1, append(spooltest.Definitions(t, w.ID, spooltest.Desk(), "")[:2], spooltest.Record(99, nil))...)
	call := spooltest.Fail(1, 0)
	call.Args = nil
	w.Segment(wire.LaneError, 0, 1, call.Record())
	r := open(t, spool, w)
	if _, err := r.Alive(); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		var damage *Damage
		if err := r.Poll(); !errors.As(err, &damage) {
			t.Fatal(err)
		}
		if _, err := r.Quarantine(damage); err != nil || damage.Again != (round > 0) {
			t.Fatal(err, damage.Again)
		}
		poll(t, r)
		var rec Record
		if err := r.Next(&rec); err != nil || rec.Call.Function.Process != "unknown function 1" || rec.Call.Exception != "no such order" {
			t.Errorf("%+v, %v", rec.Call, err)
		}
		r.Close()
		r = open(t, spool, w)
	}
}

func TestLargeRecord(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	call := spooltest.Fail(2, 0)
	call.Err = strings.Repeat("x", 3*windowSize)
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(1, 0).Record(), call.Record(), spooltest.Fail(3, 0).Record(), spooltest.End())
	r := open(t, spool, w)
	poll(t, r)
	wantIDs(t, r, 1, 2, 3)
}

// A segment that is full to its last byte has no room for an end mark.
func TestFullSegment(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	filler := spooltest.Price(2)
	room := spooltest.Room - len(filler.Record()) + len(filler.Args)
	filler.Args = values(filler.Args).String(strings.Repeat("x", room-len(filler.Args)-9), 0)
	path := w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
	w.Append(path, wire.SegmentHeaderSize+len(spooltest.Price(1).Record()), filler.Record())
	if info, err := os.Stat(path); err != nil || int(info.Size()) != wire.SegmentHeaderSize+len(spooltest.Price(1).Record())+len(filler.Record()) {
		t.Fatalf("the test does not fill the segment: %v, %d", err, len(filler.Record()))
	}
	w.Segment(wire.LaneNormal, 0, 2, spooltest.Price(3).Record())
	r := open(t, spool, w)
	poll(t, r)
	wantIDs(t, r, 1, 2, 3)
}

func TestSegmentThatIsNoFile(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
	name := wire.SegmentName(wire.LaneError, 0, 1)
	if err := os.Symlink("n-00-000001.seg", filepath.Join(w.Dir, name)); err != nil {
		t.Fatal(err)
	}
	r := open(t, spool, w)
	poll(t, r)
	ids, err := readIDs(r)
	if !slices.Equal(ids, []uint64{1}) || err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("read %v, %v", ids, err)
	}
}
