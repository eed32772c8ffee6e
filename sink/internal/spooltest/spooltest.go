//go:build unix

// Package spooltest writes spools for tests, by the letter of package wire and
// without its writer in package runtime: reader and writer are checked against
// the format, not against each other.
//
// In: a folder of a test. Out: run folders with locks and segments.
// May import: the standard library, internal/wire and internal/manifest.
package spooltest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
)

// Run is a run that a test writes.
type Run struct {
	ID  string
	Dir string

	t    testing.TB
	raw  [16]byte
	live *os.File
}

// New makes the folder of a run whose process is alive: n tells runs of one
// test apart.
func New(t testing.TB, spool string, n byte) *Run {
	t.Helper()
	r := &Run{t: t}
	r.raw[15] = n
	r.ID = fmt.Sprintf("%x", r.raw)
	r.Dir = filepath.Join(spool, r.ID)
	r.must(os.MkdirAll(r.Dir, 0o700))
	live, err := os.Create(filepath.Join(r.Dir, wire.LiveLockFile))
	r.must(err)
	r.must(syscall.Flock(int(live.Fd()), syscall.LOCK_EX))
	r.live = live
	t.Cleanup(func() { live.Close() })
	return r
}

// Die gives the live lock back, as the end of a process does.
func (r *Run) Die() { r.must(r.live.Close()) }

func (r *Run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// Define writes the first definition segment: the run, one package as number
// 0, and a site for each of its functions, numbered in order from 0.
func (r *Run) Define(p *manifest.Package, session string, more ...[]byte) {
	r.t.Helper()
	records := Definitions(r.t, r.ID, p, session)
	r.Segment(wire.LaneDefinition, 0, 1, append(records, more...)...)
}

// Definitions are the records of Define.
func Definitions(t testing.TB, id string, p *manifest.Package, session string) [][]byte {
	t.Helper()
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{
		wire.RunKeyID, id, wire.RunKeyStart, "1700000000000000000", wire.RunKeyPID, "42", wire.RunKeyHost, "host",
		wire.RunKeyProgram, "/bin/desk", wire.RunKeyArg, "-n", wire.RunKeyArg, "3", wire.RunKeyGo, "go1.26",
		wire.RunKeyOS, "linux/amd64", wire.RunKeyModule, "example.com/desk", wire.RunKeySession, session,
	}
	run := binary.LittleEndian.AppendUint32(nil, uint32(len(pairs)/2))
	for _, s := range pairs {
		run = Text(run, s)
	}
	records := [][]byte{
		Record(wire.KindRun, run),
		Record(wire.KindPackage, Text(make([]byte, 4), text)),
	}
	for i, f := range p.Functions {
		site := binary.LittleEndian.AppendUint32(nil, uint32(i))
		site = binary.LittleEndian.AppendUint32(site, 0)
		records = append(records, Record(wire.KindSite, binary.LittleEndian.AppendUint64(site, f.Key)))
	}
	return records
}

// Text appends a counted string.
func Text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// Record makes a record of a small kind.
func Record(kind wire.Kind, body []byte) []byte {
	b := append(make([]byte, wire.SmallBodyAt), body...)
	b[wire.RecordKindAt] = byte(kind)
	return sized(b)
}

func sized(b []byte) []byte {
	for len(b)%wire.RecordAlign != 0 {
		b = append(b, 0)
	}
	word := wire.Word(len(b), wire.Kind(b[wire.RecordKindAt]), b[wire.RecordFlagsAt], binary.LittleEndian.Uint16(b[wire.RecordDepthAt:]))
	binary.LittleEndian.PutUint64(b, word)
	wire.Seal(b, 0)
	return b
}

// Drops makes a record of KindDrops.
func Drops(site uint32, count uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(site))
	b = binary.LittleEndian.AppendUint64(b, count)
	return Record(wire.KindDrops, binary.LittleEndian.AppendUint64(b, 1700000001000000000))
}

// Source makes a record of KindSource.
func Source(pkg, file, text string) []byte {
	return Record(wire.KindSource, Text(Text(Text(nil, pkg), file), text))
}

// Call is what CallRecord encodes.
type Call struct {
	Site, Depth       uint32
	ID, Parent, Trace uint64
	Start, Duration   int64
	Flags             byte
	Args, Results     []byte
	Err, Stack        string
	Remote            string // of wire.RemoteSize, with wire.FlagRemote
}

// Record makes a call record.
func (c Call) Record() []byte {
	b := make([]byte, wire.CallHeaderSize)
	u32 := func(at int, v int) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }
	u64 := func(at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }
	b[wire.RecordKindAt], b[wire.RecordFlagsAt] = byte(wire.KindCall), c.Flags
	binary.LittleEndian.PutUint16(b[wire.RecordDepthAt:], uint16(c.Depth))
	u32(wire.CallSiteAt, int(c.Site))
	u32(wire.CallArgsLenAt, len(c.Args))
	u64(wire.CallIDAt, c.ID)
	u64(wire.CallParentAt, c.Parent)
	u64(wire.CallTraceAt, max(c.Trace, 1))
	u64(wire.CallGoroutineAt, 1)
	u64(wire.CallStartAt, uint64(c.Start))
	u64(wire.CallDurationAt, uint64(c.Duration))
	u32(wire.CallResultLenAt, len(c.Results))
	u32(wire.CallErrorLenAt, len(c.Err))
	u32(wire.CallStackLenAt, len(c.Stack))
	b = append(append(b, c.Args...), c.Results...)
	return sized(append(append(append(b, c.Err...), c.Stack...), c.Remote...))
}

// Values builds tagged values.
type Values []byte

// Tag appends a tag alone.
func (v Values) Tag(t wire.Tag) Values { return append(v, byte(t)) }

// U32 appends numbers of four bytes.
func (v Values) U32(numbers ...uint32) Values {
	for _, n := range numbers {
		v = binary.LittleEndian.AppendUint32(v, n)
	}
	return v
}

// U64 appends numbers of eight bytes.
func (v Values) U64(numbers ...uint64) Values {
	for _, n := range numbers {
		v = binary.LittleEndian.AppendUint64(v, n)
	}
	return v
}

// F64 appends floats.
func (v Values) F64(numbers ...float64) Values {
	for _, n := range numbers {
		v = v.U64(math.Float64bits(n))
	}
	return v
}

// Raw appends bytes.
func (v Values) Raw(s string) Values { return append(v, s...) }

// Int appends an integer value.
func (v Values) Int(n int64) Values { return v.Tag(wire.TagInt).U64(uint64(n)) }

// String appends a string value that lost cut bytes.
func (v Values) String(s string, cut uint32) Values {
	return v.Tag(wire.TagString).U32(uint32(len(s)), uint32(len(s))+cut).Raw(s)
}

// Float appends a float value.
func (v Values) Float(f float64) Values { return v.Tag(wire.TagFloat64).F64(f) }

// Header makes the header of a segment.
func Header(run [16]byte, lane wire.Lane, shard, number uint32, size uint64, version uint32) []byte {
	h := make([]byte, wire.SegmentHeaderSize)
	binary.LittleEndian.PutUint64(h[wire.SegmentMagicAt:], wire.SegmentMagic)
	for at, v := range map[int]uint32{
		wire.SegmentVersionAt: version, wire.SegmentLaneAt: uint32(lane), wire.SegmentShardAt: shard, wire.SegmentNumberAt: number,
	} {
		binary.LittleEndian.PutUint32(h[at:], v)
	}
	binary.LittleEndian.PutUint64(h[wire.SegmentSizeAt:], size)
	copy(h[wire.SegmentRunAt:], run[:])
	sum := crc32.Checksum(append(h[:48:48], 0, 0, 0, 0), crc32.MakeTable(crc32.Castagnoli)) // the turn is 0
	binary.LittleEndian.PutUint32(h[wire.SegmentSumAt:], sum)
	return h
}

// End is the mark of a complete segment.
func End() []byte {
	return binary.LittleEndian.AppendUint64(nil, wire.EndWord())
}

// Room is how much empty room Segment leaves behind the records.
const Room = 4096

// Segment writes a segment with room for more, and returns its path.
func (r *Run) Segment(lane wire.Lane, shard, number uint32, records ...[]byte) string {
	r.t.Helper()
	return r.SegmentOfVersion(wire.Version, lane, shard, number, records...)
}

// SegmentOfVersion is Segment for a chosen version of the format.
func (r *Run) SegmentOfVersion(version uint32, lane wire.Lane, shard, number uint32, records ...[]byte) string {
	r.t.Helper()
	size := wire.SegmentHeaderSize + Room
	for _, b := range records {
		size += len(b)
	}
	file := Header(r.raw, lane, shard, number, uint64(size), version)
	for _, b := range records {
		file = append(file, b...)
	}
	file = append(file, make([]byte, size-len(file))...)
	path := filepath.Join(r.Dir, wire.SegmentName(lane, shard, number))
	r.must(os.WriteFile(path, file, 0o600))
	return path
}

// Append writes records at an offset of a segment, bodies first and the words
// that publish them after.
func (r *Run) Append(path string, offset int, records ...[]byte) {
	r.t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	r.must(err)
	defer f.Close()
	for _, b := range records {
		_, err := f.WriteAt(b[min(len(b), wire.RecordHeaderSize):], int64(offset+wire.RecordHeaderSize))
		r.must(err)
		_, err = f.WriteAt(b[:min(len(b), wire.RecordHeaderSize)], int64(offset))
		r.must(err)
		offset += len(b)
	}
}

// Desk is a package with two functions: Price(qty int, sym string) (px
// float64, err error), and Fail(order Order) error.
func Desk() *manifest.Package {
	return &manifest.Package{
		Path: "example.com/desk", Name: "desk",
		Functions: []manifest.Function{
			{Key: 11, Name: "Price", Process: "desk.Price", Group: "desk.pricing", File: "desk.go", Line: 7,
				Signature: "func Price(qty int, sym string) (px float64, err error)", Source: "func Price() {}",
				Data: []manifest.Datum{{Name: "qty", Type: "int"}, {Name: "sym", Type: "string"},
					{Name: "px", Type: "float64", Output: true}, {Name: "err", Type: "error", Output: true}}},
			{Key: 12, Name: "(*Book[T]).Fail", Process: "desk.(*Book).Fail", Group: "example.com/desk", File: "book.go",
				Signature: "func (b *Book[T]) Fail(order Order) error",
				Data:      []manifest.Datum{{Name: "order", Type: "Order"}, {Name: "r0", Type: "error", Output: true}}},
		},
		Types: []manifest.Type{{Name: "Order", Fields: []string{"ID", "Secret", "Tags"}}},
	}
}

// Price is a call of Desk's first function.
func Price(id uint64) Call {
	return Call{
		ID: id, Start: 1700000000000000000 + int64(id)*1000, Duration: 1500,
		Args:    Values{}.Int(int64(id)).String("ACME", 0),
		Results: Values{}.Float(99.5).Tag(wire.TagNil),
	}
}

// Fail is a failed call of Desk's second function.
func Fail(id, parent uint64) Call {
	return Call{
		Site: 1, ID: id, Parent: parent, Trace: parent, Depth: 1, Flags: wire.FlagError, Err: "no such order",
		Start: 1700000000000000000 + int64(id)*1000, Duration: 2_000_000,
		Args: Values{}.Tag(wire.TagStruct).U32(0, 3).Int(7).Tag(wire.TagMasked).
			Tag(wire.TagList).U32(1, 3).String("a", 0),
		Results: Values{}.Tag(wire.TagText).U32(13, 13).Raw("no such order"),
	}
}
