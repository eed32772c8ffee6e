//go:build unix

package spooltest

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// OpenCall makes what a slot holds of the call while it is open; cut says that
// there were more arguments.
func (c Call) OpenCall(cut bool) []byte {
	b := append(make([]byte, wire.OpenCallHeaderSize), c.Args...)
	for len(b)%wire.RecordAlign != 0 {
		b = append(b, 0)
	}
	u32 := func(at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
	u64 := func(at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }
	u64(wire.OpenCallWordAt, wire.OpenCallWord(len(b), c.ID))
	u32(wire.OpenCallSiteAt, c.Site)
	u32(wire.OpenCallArgsLenAt, uint32(len(c.Args)))
	u64(wire.OpenCallParentAt, c.Parent)
	u64(wire.OpenCallTraceAt, max(c.Trace, 1))
	u64(wire.OpenCallGoroutineAt, 1)
	u64(wire.OpenCallStartAt, uint64(c.Start))
	u32(wire.OpenCallDepthAt, c.Depth)
	if cut {
		u32(wire.OpenCallFlagsAt, wire.FlagCut)
	}
	return b
}

// Slot makes a slot of a goroutine that has open calls, of which it holds some,
// and perhaps what is left of earlier ones behind them.
func Slot(open int, held ...[]byte) []byte {
	b := make([]byte, wire.OpenCallsAt, wire.OpenSlotSize)
	binary.LittleEndian.PutUint64(b[wire.OpenWordAt:], wire.OpenWord(min(len(held), open), open))
	for _, c := range held {
		b = append(b, c...)
	}
	return b[:wire.OpenSlotSize]
}

// OpenHeader makes the header of a file of open calls.
func OpenHeader(run [16]byte, number uint32, slots, unshown int) []byte {
	h := make([]byte, wire.OpenHeaderSize)
	binary.LittleEndian.PutUint64(h[wire.OpenMagicAt:], wire.OpenMagic)
	binary.LittleEndian.PutUint32(h[wire.OpenVersionAt:], wire.OpenVersion)
	binary.LittleEndian.PutUint32(h[wire.OpenSlotSizeAt:], wire.OpenSlotSize)
	binary.LittleEndian.PutUint32(h[wire.OpenCountAt:], uint32(slots))
	binary.LittleEndian.PutUint32(h[wire.OpenNumberAt:], number)
	copy(h[wire.OpenRunAt:], run[:])
	binary.LittleEndian.PutUint32(h[wire.OpenSumAt:], wire.OpenSum(h))
	binary.LittleEndian.PutUint64(h[wire.OpenUnshownAt:], uint64(unshown))
	return h
}

// Open writes a file of open calls and returns its path.
func (r *Run) Open(number uint32, unshown int, slots ...[]byte) string {
	r.t.Helper()
	file := append(OpenHeader(r.raw, number, len(slots), unshown), make([]byte, wire.OpenSlotsAt-wire.OpenHeaderSize)...)
	for _, s := range slots {
		file = append(file, s...)
	}
	path := filepath.Join(r.Dir, wire.OpenName(number))
	r.must(os.WriteFile(path, file, 0o600))
	return path
}
