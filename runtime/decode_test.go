package runtime_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// run is what a test reads of a run's folder.
type run struct {
	info     map[string][]string
	packages map[uint32]string
	sites    map[uint32]site
	sources  map[string]string
	stacks   map[uint64]string
	calls    []call // in the order of lane, shard and segment
	drops    map[uint64]uint64
	lanes    map[wire.Lane]laneReport // the last ones
	figures  []processFigures
}

// processFigures are those of one record.
type processFigures struct {
	at                                              int64
	cpu, rss, heap, goal, goroutines, cycles, pause uint64
	longest                                         uint64
}

func figuresOf(body *fields) processFigures {
	return processFigures{int64(body.u64()), body.u64(), body.u64(), body.u64(), body.u64(), body.u64(), body.u64(), body.u64(), body.u64()}
}

// laneReport is a report of a lane.
type laneReport struct {
	enqueued, overflowed, recovered, dropped, bytes uint64
	used, bound, warnings                           uint64
}

type site struct {
	pkg uint32
	key uint64
}

// call is one call record.
type call struct {
	key                        uint64 // of its site
	id, parent, trace, routine uint64
	start, took                int64
	depth                      int
	flags                      byte
	args, results              string // values as decodeValues writes them
	err, stack                 string
	surfaced                   string // the stack that the record refers to
	remote                     string // trace id and span id of another process, in hexadecimal digits
}

// readRun reads the only run of a spool folder.
func readRun(t testing.TB, spool string) *run {
	t.Helper()
	entries, err := os.ReadDir(spool)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || len(entries[0].Name()) != 32 {
		t.Fatalf("the spool holds %v, want one run", entries)
	}
	return readRunFolder(t, filepath.Join(spool, entries[0].Name()))
}

func readRunFolder(t testing.TB, dir string) *run {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(segments) // definitions come first: d, e, n
	return readRunFiles(t, segments)
}

func readRunFiles(t testing.TB, segments []string) *run {
	t.Helper()
	r := &run{
		info: map[string][]string{}, packages: map[uint32]string{}, sites: map[uint32]site{},
		sources: map[string]string{}, stacks: map[uint64]string{}, drops: map[uint64]uint64{}, lanes: map[wire.Lane]laneReport{},
	}
	for _, path := range segments {
		r.readSegment(t, path)
	}
	return r
}

// readSegment checks everything that docs/format.md promises about a segment.
func (r *run) readSegment(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lane, shard, number, ok := wire.ParseSegmentName(filepath.Base(path))
	if !ok {
		t.Fatalf("%s: not the name of a segment", path)
	}
	if len(bytes.TrimLeft(b, "\x00")) == 0 {
		return // the process was killed before it wrote the header
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	if binary.LittleEndian.Uint64(b) != wire.SegmentMagic || u32(wire.SegmentVersionAt) != wire.Version {
		t.Fatalf("%s: magic %x, version %d", path, b[:8], u32(wire.SegmentVersionAt))
	}
	if wire.Lane(u32(wire.SegmentLaneAt)) != lane || u32(wire.SegmentShardAt) != shard || u32(wire.SegmentNumberAt) != number {
		t.Fatalf("%s: its header is that of another segment", path)
	}
	if size := binary.LittleEndian.Uint64(b[wire.SegmentSizeAt:]); size != uint64(len(b)) {
		t.Fatalf("%s: %d bytes, its header says %d", path, len(b), size)
	}
	sum := crc32.Checksum(append(b[:wire.SegmentSumAt:wire.SegmentSumAt], b[wire.SegmentTurnAt:wire.SegmentTurnAt+4]...), crc32.MakeTable(crc32.Castagnoli))
	if sum != u32(wire.SegmentSumAt) {
		t.Fatalf("%s: wrong checksum", path)
	}
	if id := fmt.Sprintf("%x", b[wire.SegmentRunAt:wire.SegmentRunAt+16]); id != filepath.Base(filepath.Dir(path)) {
		t.Fatalf("%s: of run %s", path, id)
	}
	at := wire.SegmentHeaderSize
	for at+wire.RecordHeaderSize <= len(b) {
		size, end, published := wire.SplitWord(binary.LittleEndian.Uint64(b[at:]), u32(wire.SegmentTurnAt))
		if end || !published {
			break
		}
		if size < wire.RecordHeaderSize || at+size > len(b) {
			t.Fatalf("%s: a record of %d bytes at %d", path, size, at)
		}
		if !wire.Sealed(b[at:at+size], u32(wire.SegmentTurnAt)) {
			t.Fatalf("%s: the record at %d has a wrong checksum", path, at)
		}
		r.readRecord(t, lane, b[at:at+size])
		at += size
	}
}

func (r *run) readRecord(t testing.TB, lane wire.Lane, b []byte) {
	t.Helper()
	kind := wire.Kind(b[wire.RecordKindAt])
	body := &fields{t: t, b: b[wire.SmallBodyAt:]}
	switch kind {
	case wire.KindRun:
		for n := body.u32(); n > 0; n-- {
			key := body.text()
			r.info[key] = append(r.info[key], body.text())
		}
	case wire.KindPackage:
		number := body.u32()
		r.packages[number] = body.text()
	case wire.KindSite:
		number := body.u32()
		r.sites[number] = site{body.u32(), body.u64()}
		if _, ok := r.packages[r.sites[number].pkg]; !ok {
			t.Errorf("site %d comes before its package", number)
		}
	case wire.KindSource:
		pkg := body.text()
		file := body.text()
		r.sources[pkg+"/"+file] = body.text()
	case wire.KindStack:
		hash := body.u64()
		r.stacks[hash] = body.text()
	case wire.KindDrops:
		number := body.u32()
		body.u32()
		r.drops[r.sites[number].key] += body.u64()
	case wire.KindLane:
		lane := wire.Lane(body.u32())
		body.u32()
		body.u64()
		l := laneReport{enqueued: body.u64(), overflowed: body.u64(), recovered: body.u64(), dropped: body.u64(), bytes: body.u64()}
		l.used, l.bound, l.warnings = body.u64(), body.u64(), body.u64()
		if last := r.lanes[lane]; l.enqueued >= last.enqueued { // there is no order among the streams
			r.lanes[lane] = l
		}
	case wire.KindFigures:
		r.figures = append(r.figures, figuresOf(body))
	case wire.KindCall:
		r.calls = append(r.calls, r.decodeCall(t, lane, b))
	default:
		t.Errorf("a record of kind %d", kind)
	}
	if definition := kind <= wire.KindSource || kind == wire.KindStack; definition != (lane == wire.LaneDefinition) {
		t.Errorf("a record of kind %d in lane %d", kind, lane)
	}
}

func (r *run) decodeCall(t testing.TB, lane wire.Lane, b []byte) call {
	t.Helper()
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	s, ok := r.sites[uint32(u32(wire.CallSiteAt))]
	if !ok {
		t.Errorf("a call of site %d, which is not defined", u32(wire.CallSiteAt))
	}
	c := call{
		key: s.key, id: u64(wire.CallIDAt), parent: u64(wire.CallParentAt), trace: u64(wire.CallTraceAt),
		routine: u64(wire.CallGoroutineAt), start: int64(u64(wire.CallStartAt)), took: int64(u64(wire.CallDurationAt)),
		depth: int(binary.LittleEndian.Uint16(b[wire.RecordDepthAt:])), flags: b[wire.RecordFlagsAt],
	}
	rest := b[wire.CallHeaderSize:]
	part := func(lengthAt int) []byte {
		p := rest[:u32(lengthAt)]
		rest = rest[len(p):]
		return p
	}
	c.args = decodeValues(t, part(wire.CallArgsLenAt))
	c.results = decodeValues(t, part(wire.CallResultLenAt))
	c.err = string(part(wire.CallErrorLenAt))
	c.stack = string(part(wire.CallStackLenAt))
	if c.flags&wire.FlagStack != 0 {
		if c.surfaced = r.stacks[binary.LittleEndian.Uint64([]byte(c.stack))]; c.surfaced == "" {
			t.Errorf("a call refers to a stack that is not defined")
		}
		c.flags, c.stack = c.flags&^wire.FlagStack, ""
	}
	if c.flags&wire.FlagRemote != 0 {
		c.remote = fmt.Sprintf("%x %x", rest[:16], rest[16:wire.RemoteSize])
		c.flags, rest = c.flags&^wire.FlagRemote, rest[wire.RemoteSize:]
	}
	if len(rest) >= wire.RecordAlign {
		t.Errorf("a call with %d bytes too many", len(rest))
	}
	if failed := c.flags&wire.FlagError != 0; failed != (lane == wire.LaneError) {
		t.Errorf("a call with flags %b in lane %d", c.flags, lane)
	}
	if c.took < 0 || c.start < time.Now().Add(-time.Hour).UnixNano() || c.start > time.Now().UnixNano() {
		t.Errorf("a call that began at %d and took %d ns", c.start, c.took)
	}
	return c
}

// fields takes fields off the front of a record.
type fields struct {
	t testing.TB
	b []byte
}

func (f *fields) take(n int) []byte {
	f.t.Helper()
	if n > len(f.b) {
		f.t.Fatalf("%d bytes, want %d", len(f.b), n)
	}
	taken := f.b[:n]
	f.b = f.b[n:]
	return taken
}

func (f *fields) u32() uint32  { return binary.LittleEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64  { return binary.LittleEndian.Uint64(f.take(8)) }
func (f *fields) f64() float64 { return math.Float64frombits(f.u64()) }
func (f *fields) text() string { return string(f.take(int(f.u32()))) }

// decodeValues writes values as text, one after the other.
func decodeValues(t testing.TB, b []byte) string {
	t.Helper()
	f := &fields{t: t, b: b}
	var texts []string
	for len(f.b) > 0 {
		texts = append(texts, f.value())
	}
	return strings.Join(texts, " ")
}

func (f *fields) value() string {
	f.t.Helper()
	switch tag := wire.Tag(f.take(1)[0]); tag {
	case wire.TagNil:
		return "nil"
	case wire.TagFalse:
		return "false"
	case wire.TagTrue:
		return "true"
	case wire.TagInt:
		return fmt.Sprint(int64(f.u64()))
	case wire.TagUint:
		return fmt.Sprint(f.u64(), "u")
	case wire.TagFloat32:
		return fmt.Sprint(float32(f.f64()), "f")
	case wire.TagFloat64:
		return fmt.Sprint(f.f64(), "g")
	case wire.TagComplex:
		return fmt.Sprint(complex(f.f64(), f.f64()))
	case wire.TagString, wire.TagBytes, wire.TagText:
		kept, full := f.u32(), f.u32()
		name := map[wire.Tag]string{wire.TagString: "", wire.TagBytes: "bytes", wire.TagText: "text"}[tag]
		text := fmt.Sprintf("%s%q", name, f.take(int(kept)))
		if kept != full {
			text += fmt.Sprintf("/%d", full)
		}
		return text
	case wire.TagTime:
		seconds, nanos, offset := int64(f.u64()), f.u32(), int32(f.u32())
		return time.Unix(seconds, int64(nanos)).In(time.FixedZone("", int(offset))).Format(time.RFC3339Nano)
	case wire.TagDuration:
		return time.Duration(f.u64()).String()
	case wire.TagStruct:
		number, n := f.u32(), f.u32()
		return fmt.Sprintf("struct%d{%s}", number, f.values(n))
	case wire.TagList:
		kept, full := f.u32(), f.u32()
		text := "[" + f.values(kept) + "]"
		if kept != full {
			text += fmt.Sprintf("/%d", full)
		}
		return text
	case wire.TagMap:
		kept, full := f.u32(), f.u32()
		entries := make([]string, kept)
		for i := range entries {
			entries[i] = f.value() + ":" + f.value()
		}
		text := "map[" + strings.Join(entries, " ") + "]"
		if kept != full {
			text += fmt.Sprintf("/%d", full)
		}
		return text
	case wire.TagMapLen:
		return fmt.Sprintf("map(%d)", f.u32())
	case wire.TagPointer:
		f.u64()
		return "pointer"
	case wire.TagPointee:
		return "&" + f.value()
	case wire.TagFunc:
		return "func"
	case wire.TagChan:
		return fmt.Sprintf("chan(%d,%d)", f.u32(), f.u32())
	case wire.TagMasked:
		return "***"
	case wire.TagCut:
		return "cut"
	case wire.TagCycle:
		return "cycle"
	case wire.TagDynamic:
		name := f.text()
		return name + ":" + f.value()
	case wire.TagOpaque:
		return "opaque"
	case wire.TagSummary:
		return fmt.Sprintf("summary(%d,%d,%v,%v,%v,%v,%v)", f.u32(), f.u32(), f.f64(), f.f64(), f.f64(), f.f64(), f.f64())
	case wire.TagMethodBad:
		return "bad(" + f.text() + ")"
	default:
		f.t.Fatalf("tag %d", tag)
		return ""
	}
}

func (f *fields) values(n uint32) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = f.value()
	}
	return strings.Join(texts, " ")
}
