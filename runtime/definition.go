package runtime

import (
	"encoding/binary"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// smallRecord builds a record other than a call. These are rare: none of its
// methods is worth the room that it takes when it is put into its callers.
type smallRecord struct {
	kind wire.Kind
	buf  []byte
}

//go:norace
func newSmallRecord(kind wire.Kind, room int) *smallRecord {
	return &smallRecord{kind: kind, buf: make([]byte, wire.SmallBodyAt, wire.SmallBodyAt+room+wire.RecordAlign)}
}

//go:norace
//go:noinline
func (b *smallRecord) extend(n int) []byte {
	l := len(b.buf)
	if l+n > cap(b.buf) {
		grown := make([]byte, l, 2*cap(b.buf)+n)
		copyBytes(grown, b.buf)
		b.buf = grown
	}
	b.buf = b.buf[:l+n]
	return b.buf[l:]
}

//go:norace
//go:noinline
func (b *smallRecord) u32(v uint32) { binary.LittleEndian.PutUint32(b.extend(4), v) }

//go:norace
//go:noinline
func (b *smallRecord) u64(v uint64) { binary.LittleEndian.PutUint64(b.extend(8), v) }

//go:norace
//go:noinline
func (b *smallRecord) text(s string) {
	b.u32(uint32(len(s)))
	copyString(b.extend(len(s)), s)
}

// bytes returns the record, complete with its first word.
//
//go:norace
func (b *smallRecord) bytes() []byte {
	if odd := len(b.buf) % wire.RecordAlign; odd != 0 {
		b.extend(wire.RecordAlign - odd)
	}
	binary.LittleEndian.PutUint64(b.buf, wire.Word(len(b.buf), b.kind, 0, 0))
	return b.buf
}

//go:norace
func packageRecord(p *description) []byte {
	b := newSmallRecord(wire.KindPackage, 8+len(p.text))
	b.u32(p.number)
	b.text(p.text)
	return b.bytes()
}

//go:norace
func siteRecord(s *site) []byte {
	b := newSmallRecord(wire.KindSite, 16)
	b.u32(s.number)
	b.u32(s.pkg.number)
	b.u64(s.key)
	return b.bytes()
}

//go:norace
func sourceRecord(s *source) []byte {
	b := newSmallRecord(wire.KindSource, 12+len(s.pkg)+len(s.file)+len(s.text))
	b.text(s.pkg)
	b.text(s.file)
	b.text(s.text)
	return b.bytes()
}

//go:norace
func dropsRecord(s *site, dropped uint64, wall int64) []byte {
	b := newSmallRecord(wire.KindDrops, 24)
	b.u32(s.number)
	b.u32(0)
	b.u64(dropped)
	b.u64(uint64(wall))
	return b.bytes()
}

// runRecord says who writes.
func runRecord(id, session string) []byte {
	program, err := os.Executable()
	if err != nil && len(os.Args) > 0 {
		program = os.Args[0]
	}
	host, _ := os.Hostname()
	pairs := [][2]string{
		{wire.RunKeyID, id},
		{wire.RunKeyStart, strconv.FormatInt(wallTime(nanotime()), 10)},
		{wire.RunKeyPID, strconv.Itoa(os.Getpid())},
		{wire.RunKeyHost, host},
		{wire.RunKeyProgram, program},
		{wire.RunKeyGo, goruntime.Version()},
		{wire.RunKeyOS, goruntime.GOOS + "/" + goruntime.GOARCH},
		{wire.RunKeyModule, mainModule()},
		{wire.RunKeySession, session},
	}
	if bell.id != "" {
		pairs = append(pairs, [2]string{wire.RunKeyBell, bell.id})
	}
	for _, arg := range maskedArguments(os.Args) {
		pairs = append(pairs, [2]string{wire.RunKeyArg, arg})
	}
	b := newSmallRecord(wire.KindRun, 1<<10)
	b.u32(uint32(len(pairs)))
	for _, pair := range pairs {
		b.text(pair[0])
		b.text(pair[1])
	}
	return b.bytes()
}

// mainModule is the main module and its version, where the build knows them.
func mainModule() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return strings.TrimSpace(info.Main.Path + " " + info.Main.Version)
}
