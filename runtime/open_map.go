//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package runtime

import (
	"encoding/binary"
	"runtime/debug"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// mapOpenFile makes a file of open calls and maps it, with its blocks on the
// disk and its pages in memory. It returns nil when the disk has no room.
func mapOpenFile(path string, size int, header []byte) []byte {
	s, err := newSegment(path, size, header)
	if err != nil {
		return nil
	}
	populate(s.mem)
	return s.mem
}

// storeOpenCall stores a call at an offset of a slot, then the slot's word. The
// call is in the encoder's memory, its arguments behind what is the header of its
// record later. The call's own word is zero from the first store to the last: a
// reader that saw it before and after it has read the call has read the whole of
// it. It returns false where the mapping failed.
//
// On arm64 stores may be seen in another order than they are made, but for what
// is stored atomically: that comes behind all stores before it. So a reader may
// take the beginning of the next call for the end of the last one; it reads
// twice and compares. Of a process that has ended all stores are seen.
//
//go:norace
func storeOpenCall(slot unsafe.Pointer, at int, from *[wire.CallHeaderSize]byte, args int, word, depthCut, slotWord uint64) (ok bool) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if !ok {
			recover()
		}
	}()
	to := (*[wire.OpenCallHeaderSize]byte)(unsafe.Add(slot, at))
	*(*uint64)(unsafe.Pointer(to)) = 0
	// In the pieces in which the header was written a moment ago: larger ones
	// would have to wait for it.
	binary.LittleEndian.PutUint64(to[wire.OpenCallSiteAt:], binary.LittleEndian.Uint64(from[wire.RecordSumAt:])>>32|uint64(args)<<32)
	binary.LittleEndian.PutUint64(to[wire.OpenCallParentAt:], binary.LittleEndian.Uint64(from[wire.CallParentAt:]))
	binary.LittleEndian.PutUint64(to[wire.OpenCallTraceAt:], binary.LittleEndian.Uint64(from[wire.CallTraceAt:]))
	binary.LittleEndian.PutUint64(to[wire.OpenCallGoroutineAt:], binary.LittleEndian.Uint64(from[wire.CallGoroutineAt:]))
	binary.LittleEndian.PutUint64(to[wire.OpenCallStartAt:], binary.LittleEndian.Uint64(from[wire.CallStartAt:]))
	binary.LittleEndian.PutUint64(to[wire.OpenCallDepthAt:], depthCut)
	copyBytes(unsafe.Slice((*byte)(unsafe.Add(slot, at+wire.OpenCallHeaderSize)), args),
		unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(from), wire.CallHeaderSize)), args))
	publishWord((*uint64)(unsafe.Pointer(to)), nativeWord(word))
	publishWord((*uint64)(slot), nativeWord(slotWord))
	return true
}

// storeOpenWord stores the word of a slot. It returns false where the mapping
// failed.
//
//go:norace
func storeOpenWord(slot unsafe.Pointer, word uint64) (ok bool) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if !ok {
			recover()
		}
	}()
	publishWord((*uint64)(slot), nativeWord(word))
	return true
}

// addOpenUnshown counts a goroutine without a slot in the file's header.
//
//go:norace
func addOpenUnshown(mem []byte) (ok bool) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if !ok {
			recover()
		}
	}()
	n := binary.LittleEndian.Uint64(mem[wire.OpenUnshownAt:])
	binary.LittleEndian.PutUint64(mem[wire.OpenUnshownAt:], n+1)
	return true
}
