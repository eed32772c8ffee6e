package wire

import "hash/crc32"

// Version is the version of the spool format. A reader refuses a segment of a
// version it does not know. Since OldestVersion nothing was taken away.
const (
	Version       = 5
	OldestVersion = 3
)

// SegmentMagic opens every segment file, little endian ("MONGEN\x00\x01").
const SegmentMagic = uint64(0x01004e45474e4f4d)

// Layout of a segment's header, all integers little endian.
const (
	SegmentHeaderSize = 64

	SegmentMagicAt   = 0  // u64
	SegmentVersionAt = 8  // u32
	SegmentLaneAt    = 12 // u32, a Lane
	SegmentShardAt   = 16 // u32
	SegmentNumberAt  = 20 // u32, 1 is the first of its lane and shard
	SegmentSizeAt    = 24 // u64, size of the file in bytes
	SegmentRunAt     = 32 // 16 bytes, the run's id
	SegmentSumAt     = 48 // u32, CRC32C of bytes [0, 48) and [52, 56)
	SegmentTurnAt    = 52 // u32, how often the file was used before
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// HeaderSum returns the checksum that belongs into a segment's header.
func HeaderSum(header []byte) uint32 {
	sum := crc32.Checksum(header[:SegmentSumAt], castagnoli)
	return crc32.Update(sum, castagnoli, header[SegmentTurnAt:SegmentTurnAt+4])
}

// Lane tells apart the segments of one run.
type Lane uint32

// The lanes of a spool. A definition is always readable before the first call
// that needs it: the writer publishes it first.
const (
	LaneDefinition Lane = 1 // package descriptions, sites, the run itself: never bounded
	LaneNormal     Lane = 2 // calls that ended well: bounded
	LaneError      Lane = 3 // calls that ended in an error or a panic: never bounded
)

// Every record starts with a word of 8 bytes, see Word. Its size counts the whole
// record, the word included, and is a multiple of RecordAlign. The word is
// stored last, atomically: while it is zero, or of another turn of the file,
// there is no record.
const (
	RecordAlign      = 8
	RecordHeaderSize = 8

	RecordTurnAt  = 3 // u8, the segment's turn
	RecordKindAt  = 4 // u8, a Kind
	RecordFlagsAt = 5 // u8, Flag bits (calls only)
	RecordDepthAt = 6 // u16, 0 for a root (calls only), saturates
	RecordSumAt   = 8 // u32, see RecordSum

	// MinRecordSize is that of a record which says nothing.
	MinRecordSize = 16
	// MaxRecordSize is the largest size of a record that a word can say.
	MaxRecordSize = (endUnits - 1) * RecordAlign
)

// endUnits in place of a size says that the segment is complete and that the
// lane goes on in the segment with the next number.
const endUnits = 1<<24 - 1

// Word returns the first word of a record: u24 size in units of RecordAlign,
// u8 turn, u8 kind, u8 flags, u16 depth, little endian. The turn is left zero
// until the record's segment is known.
func Word(size int, kind Kind, flags uint8, depth uint16) uint64 {
	return uint64(size/RecordAlign) | uint64(kind)<<(8*RecordKindAt) |
		uint64(flags)<<(8*RecordFlagsAt) | uint64(depth)<<(8*RecordDepthAt)
}

// EndWord returns what stands behind the last record of a complete segment.
func EndWord() uint64 { return endUnits }

// TurnWord returns the turn of a segment as it stands in its words: to be added
// to one that Word or EndWord has returned.
func TurnWord(turn uint32) uint64 { return uint64(uint8(turn)) << (8 * RecordTurnAt) }

// WordSize returns the size that a word says, in bytes.
func WordSize(word uint64) int { return int(word&endUnits) * RecordAlign }

// SplitWord returns the size that a word says, in bytes, and whether it is that
// of an end mark; published is false when no record of this turn of the segment
// stands there.
func SplitWord(word uint64, turn uint32) (size int, end, published bool) {
	if word == 0 || word&(0xff<<(8*RecordTurnAt)) != TurnWord(turn) {
		return 0, false, false
	}
	return WordSize(word), word&endUnits == endUnits, true
}

// Kind says what a record holds.
type Kind uint8

// The kinds of records.
const (
	KindRun     Kind = 1  // who writes: the first record of the definition lane
	KindPackage Kind = 2  // a package description, as the generator made it
	KindSite    Kind = 3  // a function that can be recorded, and its number in this run
	KindSource  Kind = 4  // the text of a source file (programs generated in place)
	KindCall    Kind = 5  // one call, complete
	KindDrops   Kind = 6  // how many calls of a site the full normal lane did not take
	KindLane    Kind = 8  // what has become of the records of a lane
	KindStack   Kind = 9  // a stack on which calls return errors
	KindFigures Kind = 10 // how the process is, since version 4
)

// Flag bits of a call record.
const (
	FlagError   = 1 << 0 // a result that implements error was not nil, or the call panicked
	FlagPanic   = 1 << 1 // the call was left by a panic; the error text is the panic's value
	FlagGoexit  = 1 << 2 // the call was left by runtime.Goexit
	FlagSampled = 1 << 3 // the sample had left this call out, an error brought it in: no arguments
	FlagCut     = 1 << 4 // some value was cut because the record was full
	FlagStack   = 1 << 5 // the stack is the u64 hash of a KindStack record
	FlagRemote  = 1 << 6 // part of a trace of another process: RemoteSize bytes behind the stack, since version 5
)

// The small records. "string" is u32 length and bytes, "pairs" is u32 count and
// that many times a string key and a string value.
//
//	KindRun      at 16: pairs (see the RunKey constants)
//	KindPackage  at 16: u32 number in this run, string description (package manifest)
//	KindSite     at 16: u32 number in this run, u32 number of its package, u64 key
//	KindSource   at 16: string package path, string file name, string text
//	KindStack    at 16: u64 hash, string text
//	KindDrops    at 16: u32 site, u32 0, u64 calls dropped since the last such record, i64 wall clock ns
//	KindLane     at 16: u32 lane, u32 0, i64 wall clock ns, and since the start of the run, u64 each: records
//	                    enqueued, overflowed, recovered, dropped, bytes; bytes in use, bound, warnings (normal lane)
//	KindFigures  at 16: i64 wall clock ns, and u64 each, Unknown where it is not known: CPU time in ns, resident bytes,
//	                    heap bytes, heap goal in bytes, goroutines, GC cycles, GC pauses in ns: all, and the longest
//	                    since the last such record
const SmallBodyAt = 16

// Unknown is a figure that is not known.
const Unknown = 1<<64 - 1

// Keys of a run record.
const (
	RunKeyID      = "id"      // 32 hexadecimal digits, also the name of the run's folder
	RunKeyStart   = "start"   // wall clock, nanoseconds since 1970 UTC, decimal
	RunKeyPID     = "pid"     // decimal
	RunKeyHost    = "host"    // host name
	RunKeyProgram = "program" // path of the executable
	RunKeyArg     = "arg"     // one pair per command line argument, in order
	RunKeyGo      = "go"      // runtime.Version()
	RunKeyOS      = "os"      // GOOS/GOARCH
	RunKeyModule  = "module"  // main module and version, where the build knows it
	RunKeySession = "session" // MONITOR_SESSION: one value for all processes of one monitorgen run or test
	RunKeyBell    = "bell"    // descriptor and id of the process's bell, "7:" and 32 hexadecimal digits; none without one
)

// Files of a run's folder, which is named by the run's id and lies in the
// spool folder. A folder whose name starts with a dot is being made.
const (
	LiveLockFile  = "live.lock"  // flock held by the process for as long as it lives
	DrainLockFile = "drain.lock" // flock held by the one drainer of this run
	SegmentSuffix = ".seg"       // <lane letter>-<shard>-<number>.seg, see SegmentName
	FreeSuffix    = ".free"      // in place of SegmentSuffix: drained, for the writer to use again
	SpareSuffix   = ".spare"     // made ahead by the writer, see SpareName
)

// Layout of a call record. The variable parts follow the header without
// padding in the order arguments, results, error text, stack; the stack has
// what is left of SizeAt.. up to its own length.
const (
	CallHeaderSize = 80

	CallSiteAt      = 12 // u32
	CallIDAt        = 16 // u64, unique in the run, never 0
	CallParentAt    = 24 // u64, 0 for none
	CallTraceAt     = 32 // u64, the id of the root call
	CallGoroutineAt = 40 // u64
	CallStartAt     = 48 // i64, wall clock, nanoseconds since 1970 UTC
	CallDurationAt  = 56 // i64, monotonic, nanoseconds
	CallResultLenAt = 64 // u32
	CallErrorLenAt  = 68 // u32
	CallStackLenAt  = 72 // u32
	CallArgsLenAt   = 76 // u32
)

// RemoteSize is what a call of another process's trace has behind its stack: 16 bytes
// trace id and u64 span id, big endian as in a traceparent; the span id is 0 where
// the parent is a call of this process.
const RemoteSize = 24

// Tag opens every value. Lengths and counts are u32, numbers are 8 bytes.
type Tag uint8

// The value tags. What follows each of them is in the comment; "value" stands
// for another tagged value.
const (
	TagNil       Tag = 1  // nothing
	TagFalse     Tag = 2  // nothing
	TagTrue      Tag = 3  // nothing
	TagInt       Tag = 4  // i64
	TagUint      Tag = 5  // u64
	TagFloat32   Tag = 6  // f64 bits of the widened value
	TagFloat64   Tag = 7  // f64 bits
	TagComplex   Tag = 8  // f64 bits real, f64 bits imaginary
	TagString    Tag = 9  // u32 kept, u32 full length, kept bytes
	TagBytes     Tag = 10 // u32 kept, u32 full length, kept bytes
	TagTime      Tag = 11 // i64 seconds since 1970 UTC, u32 nanoseconds, i32 zone offset in seconds east
	TagDuration  Tag = 12 // i64 nanoseconds
	TagText      Tag = 13 // u32 kept, u32 full, kept bytes: the text a method gave (Error, String)
	TagStruct    Tag = 14 // u32 type number in the site's package description, u32 fields kept, values
	TagList      Tag = 15 // u32 kept, u32 full length, values: a slice or array
	TagMapLen    Tag = 16 // u32 length: a map that was not opened
	TagMap       Tag = 17 // u32 kept, u32 full length, key value pairs
	TagPointer   Tag = 18 // u64 address: a pointer that was not followed
	TagPointee   Tag = 19 // value: a pointer that was followed
	TagFunc      Tag = 20 // nothing: a func that is not nil
	TagChan      Tag = 21 // u32 len, u32 cap
	TagMasked    Tag = 22 // nothing: "***"
	TagCut       Tag = 23 // nothing: depth or size limit reached here
	TagCycle     Tag = 24 // nothing: a pointer that is being followed already
	TagDynamic   Tag = 25 // u32 length, bytes of the dynamic type's name, value
	TagOpaque    Tag = 26 // nothing: the value was not opened (with TagDynamic: only its type is known)
	TagSummary   Tag = 27 // u32 rows, u32 columns (0: a vector), f64 first, f64 last, f64 min, f64 max, f64 mean
	TagMethodBad Tag = 28 // u32 length, bytes: the value's method panicked, this is what it said
)
