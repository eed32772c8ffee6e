package wire

import (
	"hash/crc32"
	"strconv"
	"strings"
)

// OpenVersion is the version of the files that show open calls. A reader leaves
// alone what it does not know.
const OpenVersion = 1

// OpenMagic opens every such file, little endian ("MONOPEN\x01").
const OpenMagic = uint64(0x014e45504f4e4f4d)

// Layout of a file of open calls, all integers little endian: a header, and
// slots from OpenSlotsAt on.
const (
	OpenHeaderSize = 64

	OpenMagicAt    = 0  // u64
	OpenVersionAt  = 8  // u32
	OpenSlotSizeAt = 12 // u32, OpenSlotSize
	OpenCountAt    = 16 // u32, how many slots the file has
	OpenNumberAt   = 20 // u32, 1 is the run's first such file
	OpenRunAt      = 24 // 16 bytes, the run's id
	OpenSumAt      = 40 // u32, CRC32C of bytes [0, 40)
	OpenUnshownAt  = 48 // u64, goroutines that got no slot (the first file only); changes

	OpenSlotsAt  = 4096
	OpenSlotSize = 8192
)

// Layout of a slot, which belongs to one goroutine at a time: a word, and the
// open calls from OpenCallsAt on, outermost first and without gaps.
const (
	OpenWordAt  = 0 // u64: u32 calls that the slot holds, u32 calls that are open
	OpenCallsAt = 64
)

// Layout of an open call in a slot. The word is zero while the rest is written.
const (
	OpenCallHeaderSize = 56

	OpenCallWordAt      = 0  // u64: u24 size in units of RecordAlign, u40 id
	OpenCallSiteAt      = 8  // u32
	OpenCallArgsLenAt   = 12 // u32, bytes of arguments that are kept
	OpenCallParentAt    = 16 // u64
	OpenCallTraceAt     = 24 // u64
	OpenCallGoroutineAt = 32 // u64
	OpenCallStartAt     = 40 // i64
	OpenCallDepthAt     = 48 // u32
	OpenCallFlagsAt     = 52 // u32, FlagCut: there were more arguments
)

// openUnitBits are those of the size in an OpenCallWord.
const openUnitBits = 24

// OpenCallWord returns the word of an open call.
func OpenCallWord(size int, id uint64) uint64 { return id<<openUnitBits | uint64(size/RecordAlign) }

// SplitOpenCallWord returns what OpenCallWord was given.
func SplitOpenCallWord(word uint64) (size int, id uint64) {
	return int(word&(1<<openUnitBits-1)) * RecordAlign, word >> openUnitBits
}

// OpenWord returns the word of a slot.
func OpenWord(held, open int) uint64 { return uint64(held) | uint64(open)<<32 }

// SplitOpenWord returns what OpenWord was given.
func SplitOpenWord(word uint64) (held, open uint32) { return uint32(word), uint32(word >> 32) }

// OpenSum returns the checksum that belongs into the header of a file of open calls.
func OpenSum(header []byte) uint32 { return crc32.Checksum(header[:OpenSumAt], castagnoli) }

// OpenSuffix ends the names of files of open calls.
const OpenSuffix = ".open"

// OpenName returns the name of a file of open calls, "o-000001.open" for instance.
func OpenName(number uint32) string { return "o-" + pad(number, 6) + OpenSuffix }

// ParseOpenName is the inverse of OpenName.
func ParseOpenName(name string) (number uint32, ok bool) {
	base, found := strings.CutSuffix(name, OpenSuffix)
	digits, lettered := strings.CutPrefix(base, "o-")
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), found && lettered && err == nil && n > 0 && OpenName(uint32(n)) == name
}
