//go:build unix

package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// nested is a call of Desk's first function within another.
func nested(id, parent uint64) spooltest.Call {
	c := spooltest.Price(id)
	c.Parent, c.Depth = parent, 1
	return c
}

func readOpen(t *testing.T, w *spooltest.Run) *OpenCalls {
	t.Helper()
	all, info, err := ReadOpen(w.Dir[:len(w.Dir)-len(w.ID)], w.ID)
	if err != nil {
		t.Fatal(err)
	}
	if info.PID != 42 {
		t.Errorf("%+v", info)
	}
	return all
}

func TestOpenCalls(t *testing.T) {
	w := spooltest.New(t, t.TempDir(), 1)
	w.Define(spooltest.Desk(), "")
	w.Open(1, 3, spooltest.Slot(0), spooltest.Slot(5, spooltest.Price(1).OpenCall(false), nested(2, 1).OpenCall(false)), spooltest.Slot(0, []byte("what was here")))
	w.Open(2, 0, spooltest.Slot(1, spooltest.Price(7).OpenCall(false)))
	before := time.Now().Add(-time.Minute).UnixNano()
	for _, state := range []string{"alive", "dead"} {
		all := readOpen(t, w)
		var got []string
		for _, c := range all.Calls {
			got = append(got, fmt.Sprint(c.Function.Process, c.Data, c.ID, c.Parent, c.Depth, c.Start, c.Duration, c.Exception))
		}
		want := []string{
			`desk.Price[1,"ACME"]1 0 0 1700000000000001000 0`,
			`desk.Price[2,"ACME"]2 1 1 1700000000000002000 0`,
			`desk.Price[7,"ACME"]7 0 0 1700000000000007000 0`,
		}
		if !slices.Equal(got, want) || all.Deeper != 3 || all.Unshown != 3 || all.Damaged != 0 {
			t.Errorf("%s: %d deeper, %d unshown, %d damaged: %q", state, all.Deeper, all.Unshown, all.Damaged, got)
		}
		if all.Seen < before || all.By != SignFile {
			t.Errorf("%s: seen %d by %s", state, all.Seen, all.By)
		}
		if state == "alive" {
			w.Die()
		}
	}
}

// Arguments for which there was no room are not known; those before them are.
func TestOpenCallIsCut(t *testing.T) {
	w := spooltest.New(t, t.TempDir(), 1)
	w.Define(spooltest.Desk(), "")
	var slots [][]byte
	args := spooltest.Price(1).Args
	for kept := 0; kept <= len(args); kept++ {
		c := spooltest.Price(uint64(kept + 1))
		c.Args = args[:kept]
		slots = append(slots, spooltest.Slot(1, c.OpenCall(true)))
	}
	w.Open(1, 0, slots...)
	all := readOpen(t, w)
	if len(all.Calls) != len(slots) {
		t.Fatalf("%d calls, want %d", len(all.Calls), len(slots))
	}
	for kept, c := range all.Calls {
		want := `["…","…"]`
		switch {
		case kept == len(args):
			want = `[1,"ACME"]`
		case kept >= 9:
			want = `[1,"…"]`
		}
		if c.Data != want {
			t.Errorf("%d bytes: %s, want %s", kept, c.Data, want)
		}
	}
}

// What no writer writes is left out and counted, and harms nothing else.
func TestOpenCallsDamaged(t *testing.T) {
	good := spooltest.Slot(1, spooltest.Price(9).OpenCall(false))
	with := func(at int, v uint64) []byte {
		b := spooltest.Price(1).OpenCall(false)
		binary.LittleEndian.PutUint64(b[at:], v)
		return spooltest.Slot(1, b)
	}
	slots := map[string][]byte{
		"no size":        with(wire.OpenCallWordAt, wire.OpenCallWord(0, 1)),
		"too large":      with(wire.OpenCallWordAt, wire.OpenCallWord(wire.OpenSlotSize, 1)),
		"no id":          with(wire.OpenCallWordAt, wire.OpenCallWord(80, 0)),
		"unknown site":   with(wire.OpenCallSiteAt, 99),
		"long arguments": with(wire.OpenCallSiteAt, 1<<40),
		"parent":         with(wire.OpenCallParentAt, 1<<41),
		"goroutine":      with(wire.OpenCallGoroutineAt, 1<<63),
		"more than fit":  spooltest.Slot(110, slices.Repeat([][]byte{spooltest.Price(1).OpenCall(true)}, 110)...),
		"a bad value":    with(wire.OpenCallHeaderSize, 0xff),
	}
	for name, slot := range slots {
		w := spooltest.New(t, t.TempDir(), 1)
		w.Define(spooltest.Desk(), "")
		w.Open(1, 0, slot, good)
		w.Die()
		all := readOpen(t, w)
		if n := len(all.Calls); n == 0 || all.Calls[n-1].ID != 9 || all.Damaged != 1 {
			t.Errorf("%s: %d damaged, %v", name, all.Damaged, all.Calls)
		}
	}
	files := map[string]func(path string) error{
		"cut off":   func(path string) error { return os.Truncate(path, wire.OpenSlotsAt+wire.OpenSlotSize+100) },
		"no header": func(path string) error { return os.Truncate(path, 10) },
		"another's": func(path string) error {
			return os.WriteFile(path, spooltest.OpenHeader([16]byte{7}, 2, 1, 0), 0o600)
		},
	}
	for name, damage := range files {
		w := spooltest.New(t, t.TempDir(), 1)
		w.Define(spooltest.Desk(), "")
		w.Open(1, 0, good)
		if err := damage(w.Open(2, 0, spooltest.Slot(0), good)); err != nil {
			t.Fatal(err)
		}
		if all := readOpen(t, w); len(all.Calls) != 1 || all.Damaged != 1 {
			t.Errorf("%s: %d damaged, %v", name, all.Damaged, all.Calls)
		}
	}
}

func TestOpenCallsOfAnotherVersion(t *testing.T) {
	spool := t.TempDir()
	w := spooltest.New(t, spool, 1)
	w.Define(spooltest.Desk(), "")
	path := w.Open(1, 0, spooltest.Slot(0))
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file[wire.OpenVersionAt]++
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadOpen(spool, w.ID); !errors.Is(err, ErrVersion) {
		t.Errorf("%v", err)
	}
	if _, _, err := ReadOpen(spool, fmt.Sprintf("%032x", 5)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no run: %v", err)
	}
}

// changing is a slot that another goroutine is writing: every reading of it
// returns what comes next, the last one for ever.
type changing struct {
	states [][]byte
	n      int
}

func (c *changing) ReadAt(b []byte, _ int64) (int, error) {
	n := copy(b, c.states[min(c.n, len(c.states)-1)])
	c.n++
	return n, nil
}

// Of a slot that never stands still, the calls that do are read.
func TestSlotThatChanges(t *testing.T) {
	id := fmt.Sprintf("%032x", 1)
	outer := spooltest.Price(1).OpenCall(false)
	var states [][]byte
	for n := uint64(2); n < 30; n++ {
		states = append(states, spooltest.Slot(2, outer, nested(n, 1).OpenCall(false)), spooltest.Slot(1, outer))
	}
	torn := spooltest.Slot(2, outer, nested(40, 1).OpenCall(false))
	binary.LittleEndian.PutUint64(torn[wire.OpenCallsAt+len(outer):], 0)
	tests := []struct {
		name   string
		states [][]byte
		want   []uint64
	}{
		{"a call within comes and goes", states, []uint64{1}},
		{"it stays in the end", append(slices.Clone(states[:5]), states[2]), []uint64{1, 3}},
		{"it is being written", [][]byte{torn}, []uint64{1}},
		{"all is new", [][]byte{spooltest.Slot(1, spooltest.Price(5).OpenCall(false)), spooltest.Slot(0)}, nil},
	}
	for _, tt := range tests {
		defs := newDefinitions(id)
		for _, b := range spooltest.Definitions(t, id, spooltest.Desk(), "") {
			if err := defs.add(wire.Kind(b[wire.RecordKindAt]), b[wire.SmallBodyAt:]); err != nil {
				t.Fatal(err)
			}
		}
		r := &Run{decoder: decoder{defs: &defs}, alive: true}
		s := slotReader{file: &changing{states: tt.states}, live: true, first: make([]byte, wire.OpenSlotSize), again: make([]byte, wire.OpenSlotSize)}
		var all OpenCalls
		if err := errors.Join(s.read(0), r.addOpen(&s, &all)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []uint64
		for _, c := range all.Calls {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: calls %v, want %v", tt.name, got, tt.want)
		}
	}
}

// FuzzOpen reads files of open calls that somebody made up.
func FuzzOpen(f *testing.F) {
	w := spooltest.New(f, f.TempDir(), 1)
	path := w.Open(1, 2, spooltest.Slot(0), spooltest.Slot(5, spooltest.Price(1).OpenCall(false), spooltest.Fail(2, 1).OpenCall(true)))
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file[:wire.OpenHeaderSize], file[wire.OpenSlotsAt:wire.OpenSlotsAt+wire.OpenSlotSize], true)
	f.Add(file[:wire.OpenHeaderSize], file[wire.OpenSlotsAt+wire.OpenSlotSize:], true)
	f.Add(file[:wire.OpenHeaderSize], file[wire.OpenSlotsAt+wire.OpenSlotSize:], false)
	desk := spooltest.Definitions(f, w.ID, spooltest.Desk(), "")
	raw, _ := parseID(w.ID)
	f.Fuzz(func(t *testing.T, header, slot []byte, live bool) {
		if slots, unshown, err := readOpenHeader(bytes.NewReader(header), raw, 1); err == nil && (slots > maxOpenSlots || unshown < 0) {
			t.Errorf("%d slots, %d unshown", slots, unshown)
		}
		defs := newDefinitions(w.ID)
		for _, b := range desk {
			if err := defs.add(wire.Kind(b[wire.RecordKindAt]), b[wire.SmallBodyAt:]); err != nil {
				t.Fatal(err)
			}
		}
		r := newRun(t.TempDir(), w.ID, raw, nil)
		r.defs, r.alive = defs, live
		half := append(bytes.Clone(slot[:len(slot)/2]), make([]byte, wire.OpenSlotSize)...)[:wire.OpenSlotSize]
		whole := append(bytes.Clone(slot), make([]byte, wire.OpenSlotSize)...)[:wire.OpenSlotSize]
		for _, again := range [][]byte{whole, half} {
			s := slotReader{live: live, first: whole, again: again}
			var all OpenCalls
			r.addOpen(&s, &all)
			for _, c := range all.Calls {
				if c.Function == nil || c.ID == 0 || c.ID > MaxCallID || c.Data != "" && !json.Valid([]byte(c.Data)) || !utf8.ValidString(c.Data) {
					t.Errorf("a call that no store could take: %+v", c)
				}
			}
		}
	})
}

// Of several processes those that live are read; one that makes no sense keeps
// none of the others back.
func TestOpenNow(t *testing.T) {
	folder := t.TempDir()
	for n := byte(1); n <= 4; n++ {
		w := spooltest.New(t, folder, n)
		w.Define(spooltest.Desk(), "")
		path := w.Open(1, 0, spooltest.Slot(1, spooltest.Price(uint64(n)).OpenCall(false)))
		switch n {
		case 2:
			w.Die()
		case 3:
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file[wire.OpenVersionAt]++
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	runs, err := OpenNow(folder)
	if !errors.Is(err, ErrVersion) {
		t.Errorf("the file of another version: %v", err)
	}
	var ids []uint64
	for _, r := range runs {
		for _, c := range r.Open.Calls {
			ids = append(ids, c.ID)
		}
	}
	if !slices.Equal(ids, []uint64{1, 4}) {
		t.Errorf("calls %v, want those of runs 1 and 4", ids)
	}
	if runs, err := OpenNow(folder + "/none"); err != nil || len(runs) != 0 {
		t.Errorf("no folder: %v, %v", runs, err)
	}
}
