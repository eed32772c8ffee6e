package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// ControlFile lies in the spool folder, beside the folders of the runs, and says
// what is to be recorded of which function. Without it directives hold.
const ControlFile = "control"

// ControlVersion is the version of the control file. A reader leaves alone what
// it does not know.
const ControlVersion = 1

// ControlMagic opens it, little endian ("MONCTRL\x01").
const ControlMagic = uint64(0x014c5254434e4f4d)

// Layout of the control file, all integers little endian: a header, and an entry
// for each function that a setting was made for, by ascending keys.
const (
	ControlHeaderSize = 32

	ControlMagicAt   = 0  // u64
	ControlVersionAt = 8  // u32
	ControlCountAt   = 12 // u32, entries
	ControlSumAt     = 16 // u32, CRC32C of bytes [0, 16) and of the entries

	ControlEntrySize = 24

	ControlKeyAt    = 0  // u64, of the function in its package's description
	ControlSampleAt = 8  // u64, a call is kept when a random word is below; 2^64-1 keeps all
	ControlLevelAt  = 16 // u32, a Level
	ControlFlagsAt  = 20 // u32, ControlHasSample

	// MaxControlEntries bounds a file: a larger one is not read.
	MaxControlEntries = 1 << 16
)

// ControlHasSample says that an entry's sample stands in for the directive's
// sample and rate.
const ControlHasSample = 1 << 0

// Level says what is recorded of a function's calls.
type Level uint32

// The levels. Where nothing is said it is LevelFull. At every level but LevelOff
// errors are recorded with their text, whatever the sample.
const (
	LevelOff    Level = 0 // nothing: neither calls nor errors nor panics
	LevelFull   Level = 1 // all that the directive says
	LevelTiming Level = 2 // no arguments, no results
	LevelArgs   Level = 3 // arguments, no results
)

// ControlEntry is the setting of one function.
type ControlEntry struct {
	Key       uint64
	Level     Level
	HasSample bool
	Sample    uint64
}

// AppendControl appends a control file to b. The entries have ascending keys.
func AppendControl(b []byte, entries []ControlEntry) []byte {
	from := len(b)
	b = append(b, make([]byte, ControlHeaderSize+len(entries)*ControlEntrySize)...)
	file := b[from:]
	binary.LittleEndian.PutUint64(file[ControlMagicAt:], ControlMagic)
	binary.LittleEndian.PutUint32(file[ControlVersionAt:], ControlVersion)
	binary.LittleEndian.PutUint32(file[ControlCountAt:], uint32(len(entries)))
	for i, e := range entries {
		at := file[ControlHeaderSize+i*ControlEntrySize:]
		binary.LittleEndian.PutUint64(at[ControlKeyAt:], e.Key)
		binary.LittleEndian.PutUint32(at[ControlLevelAt:], uint32(e.Level))
		if e.HasSample {
			binary.LittleEndian.PutUint64(at[ControlSampleAt:], e.Sample)
			binary.LittleEndian.PutUint32(at[ControlFlagsAt:], ControlHasSample)
		}
	}
	binary.LittleEndian.PutUint32(file[ControlSumAt:], controlSum(file))
	return b
}

// ParseControl is the inverse of AppendControl. It returns false for what is not
// wholly a control file of this version, and takes any bytes.
func ParseControl(file []byte) ([]ControlEntry, bool) {
	if len(file) < ControlHeaderSize || binary.LittleEndian.Uint64(file[ControlMagicAt:]) != ControlMagic ||
		binary.LittleEndian.Uint32(file[ControlVersionAt:]) != ControlVersion {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(file[ControlCountAt:])
	if n > MaxControlEntries || len(file) != ControlHeaderSize+int(n)*ControlEntrySize ||
		binary.LittleEndian.Uint32(file[ControlSumAt:]) != controlSum(file) {
		return nil, false
	}
	entries := make([]ControlEntry, n)
	for i := range entries {
		at := file[ControlHeaderSize+i*ControlEntrySize:]
		e := &entries[i]
		e.Key = binary.LittleEndian.Uint64(at[ControlKeyAt:])
		e.Level = Level(binary.LittleEndian.Uint32(at[ControlLevelAt:]))
		e.HasSample = binary.LittleEndian.Uint32(at[ControlFlagsAt:])&ControlHasSample != 0
		if e.HasSample {
			e.Sample = binary.LittleEndian.Uint64(at[ControlSampleAt:])
		}
		if e.Level > LevelArgs || i > 0 && e.Key <= entries[i-1].Key {
			return nil, false
		}
	}
	return entries, true
}

func controlSum(file []byte) uint32 {
	sum := crc32.Checksum(file[:ControlSumAt], castagnoli)
	return crc32.Update(sum, castagnoli, file[ControlHeaderSize:])
}

// FindControl returns the entry of a key among entries with ascending keys.
func FindControl(entries []ControlEntry, key uint64) (ControlEntry, bool) {
	low, high := 0, len(entries)
	for low < high {
		if mid := (low + high) / 2; entries[mid].Key < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(entries) && entries[low].Key == key {
		return entries[low], true
	}
	return ControlEntry{}, false
}

// A bell is memory that a process shares with whoever has changed the control
// file: a file without a name, of which the run record has the descriptor.
//
// The process looks at the control file when RungAt is not zero, and at words of
// a function that is off, when such a function is called. So one who rings stores 1 at
// RungAt, then zeros in all words, then 1 at RungAt again, each atomically and in
// the machine's byte order. Whatever else is written here can only make calls
// slower, or not recorded.
const (
	BellMagicAt = 0   // u64, the only field in little endian on every machine
	BellIDAt    = 8   // 16 bytes, as the run record has it
	BellRungAt  = 64  // u32
	BellWordsAt = 128 // u64 each: the key of a function that is off, of those that share the word; or 0

	BellWords    = 1 << 13
	BellWordSize = 8
	BellSize     = BellWordsAt + BellWordSize*BellWords

	// BellName is what the file is called where its descriptor is listed.
	BellName = "monitorgen-bell"
)

// BellMagic opens it ("MONBELL\x02").
const BellMagic = uint64(0x024c4c45424e4f4d)
