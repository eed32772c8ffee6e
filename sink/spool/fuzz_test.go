//go:build unix

package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// FuzzSegment reads hostile bytes as the records of a segment, of definitions
// and of calls: no panic, no endless loop, and what is read is fit for a store.
func FuzzSegment(f *testing.F) {
	w := spooltest.New(f, f.TempDir(), 1)
	definitions := bytes.Join(spooltest.Definitions(f, w.ID, spooltest.Desk(), "s"), nil)
	f.Add(definitions)
	f.Add(append(bytes.Clone(definitions), spooltest.Source("p", "f.go", "package p")...))
	f.Add(append(spooltest.Price(1).Record(), spooltest.End()...))
	f.Add(append(spooltest.Fail(2, 1).Record(), spooltest.Drops(1, 3)...))
	for _, body := range realSegments(f) {
		f.Add(body)
	}
	desk := spooltest.Definitions(f, w.ID, spooltest.Desk(), "s")
	f.Add(append(spooltest.Price(1).Record()[:64], spooltest.Price(2).Record()...)) // torn, and salvage behind it
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, body := range [][]byte{body, resealed(body)} {
			fuzzRecords(t, w.ID, desk, body)
		}
	})
}

func fuzzRecords(t *testing.T, id string, desk [][]byte, body []byte) {
	fuzzDefinitions(t, id, body)
	defs := newDefinitions(id)
	for _, b := range desk {
		if err := defs.add(wire.Kind(b[wire.RecordKindAt]), b[wire.SmallBodyAt:]); err != nil {
			t.Fatal(err)
		}
	}
	r := &Run{decoder: decoder{defs: &defs}}
	eachRecord(t, body, func(record []byte) error {
		var rec Record
		if err := r.decode(record, &rec); err != nil {
			return err
		}
		c := rec.Call
		if rec.Drops.Function == nil && rec.Lane.Lane == 0 && rec.Figures.Time == 0 && (c.Function == nil || c.ID == 0 || c.ID > MaxCallID || c.Duration < 0 ||
			c.Data != "" && !json.Valid([]byte(c.Data)) || !utf8.ValidString(c.Exception+c.Data)) {
			t.Errorf("a call that no store could take: %+v", c)
		}
		return nil
	})
}

// resealed gives every record in a segment's body the checksum that it should have.
func resealed(body []byte) []byte {
	body = bytes.Clone(body)
	for at := 0; at+wire.MinRecordSize <= len(body); {
		size, end, published := wire.SplitWord(binary.LittleEndian.Uint64(body[at:]), 0)
		if end || !published || size < wire.MinRecordSize || size > len(body)-at {
			break
		}
		wire.Seal(body[at:at+size], 0)
		at += size
	}
	return body
}

// realSegments returns what package runtime writes, without the headers and the
// room that is left.
func realSegments(f *testing.F) (bodies [][]byte) {
	folder := f.TempDir()
	if err := monitor.Start(monitor.Options{Spool: folder}); err != nil {
		f.Fatal(err)
	}
	text, err := spooltest.Desk().Encode()
	if err != nil {
		f.Fatal(err)
	}
	monitor.Source("example.com/desk", "book.go", "package desk\n\nfunc (b *Book[T]) Fail(order Order) error { return nil }\n")
	for n := range 3 {
		func() {
			var c monitor.Call
			if e := c.Enter(11, text, ""); e != nil {
				e.Int(int64(n))
				e.Any([]byte("ACME"))
			}
			defer func() {
				if c.End(0) {
					if n == 2 {
						c.Fail(os.ErrNotExist)
					}
					if e := c.Results(); e != nil {
						e.Float64(1)
						e.Error(os.ErrNotExist)
					}
					c.Commit()
				}
			}()
		}()
	}
	if err := monitor.Stop(); err != nil {
		f.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*"+wire.SegmentSuffix))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no segments: %v", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		bodies = append(bodies, bytes.TrimRight(b[wire.SegmentHeaderSize:], "\x00"))
	}
	return bodies
}

func fuzzDefinitions(t *testing.T, id string, body []byte) {
	defs := newDefinitions(id)
	eachRecord(t, body, func(b []byte) error {
		return defs.add(wire.Kind(b[wire.RecordKindAt]), b[wire.SmallBodyAt:])
	})
	for number := range defs.sites {
		defs.function(number)
	}
}

// eachRecord goes over a segment with this body as a reader does.
func eachRecord(t *testing.T, body []byte, do func(record []byte) error) {
	want := identity{lane: wire.LaneNormal, number: 1}
	size := uint64(wire.SegmentHeaderSize + len(body))
	file := append(spooltest.Header(want.run, want.lane, 0, 1, size, wire.Version), body...)
	s := &segment{file: bytes.NewReader(file)}
	if err := s.readHeader(size, want); err != nil {
		t.Fatal(err)
	}
	for at, damages := uint64(wire.SegmentHeaderSize), 0; damages < maxDamages; {
		record, end, err := s.next(at)
		if end || err == nil && record == nil {
			return
		}
		framed := err == nil
		if framed && (len(record) < wire.MinRecordSize || !wire.Sealed(record, 0)) {
			t.Fatalf("a record of %d bytes", len(record))
		}
		if framed && do(record) == nil {
			at += uint64(len(record))
			continue
		}
		damages++
		next := s.salvage(&Damage{Offset: at, framed: framed})
		if next == 0 {
			return
		}
		if next <= at {
			t.Fatalf("behind %d comes %d", at, next)
		}
		at = next
	}
}

// FuzzHeader reads hostile bytes as a whole segment.
func FuzzHeader(f *testing.F) {
	want := identity{lane: wire.LaneError, shard: 2, number: 3}
	good := spooltest.Header(want.run, want.lane, 2, 3, 128, wire.Version)
	f.Add(good)
	f.Add(append(good, spooltest.Price(1).Record()...))
	f.Fuzz(func(t *testing.T, file []byte) {
		s := &segment{file: bytes.NewReader(file)}
		if s.readHeader(uint64(len(file)), want) == nil && s.limit > uint64(len(file)) {
			t.Errorf("limit %d of %d bytes", s.limit, len(file))
		}
	})
}
