package wire

import (
	"encoding/binary"
	"math/bits"
)

// Odd constants without a pattern: the fractional parts of the golden ratio and
// of the square root of 3.
const (
	sumA = 0x9e3779b97f4a7c15
	sumB = 0xbb67ae8584caa73b
)

// RecordSum returns the checksum that belongs into a record: of its word, with
// the turn in it, of what stands behind the checksum, and of the whole turn of
// the segment.
//
// It finds what a power cut leaves: a word that reached the disk while a part
// of the record did not, where zeros stand, or what an earlier turn left. It is
// on the way of every call and no CRC: each product depends on its place and on
// no other product, so that the processor works on several at a time.
//
//go:norace
func RecordSum(word uint64, record []byte, turn uint32) uint32 {
	b := record[MinRecordSize:]
	first := uint64(binary.LittleEndian.Uint32(record[RecordSumAt+4:]))<<32 | uint64(turn)
	hi, lo := bits.Mul64(word^sumA, first^sumB)
	even, odd, place := hi^lo, uint64(len(record)), uint64(sumA)
	for ; len(b) >= 32; b = b[32:] {
		hi, lo = bits.Mul64(binary.LittleEndian.Uint64(b)^place, binary.LittleEndian.Uint64(b[8:])^sumB)
		even += hi ^ lo
		hi, lo = bits.Mul64(binary.LittleEndian.Uint64(b[16:])^place, binary.LittleEndian.Uint64(b[24:])^sumA)
		odd += hi ^ lo
		place += sumA
	}
	for ; len(b) >= 8; b = b[8:] {
		hi, lo = bits.Mul64(binary.LittleEndian.Uint64(b)^place, sumB)
		even += hi ^ lo
		place += sumA
	}
	hi, lo = bits.Mul64(even^bits.RotateLeft64(odd, 32)^sumA, sumB)
	return uint32(hi ^ lo)
}

// Sealed tells whether a record in a segment is as it was written.
func Sealed(record []byte, turn uint32) bool {
	return len(record) >= MinRecordSize && record[RecordTurnAt] == byte(turn) &&
		binary.LittleEndian.Uint32(record[RecordSumAt:]) == RecordSum(binary.LittleEndian.Uint64(record), record, turn)
}

// Seal puts the turn and the checksum into a record.
func Seal(record []byte, turn uint32) {
	record[RecordTurnAt] = byte(turn)
	binary.LittleEndian.PutUint32(record[RecordSumAt:], RecordSum(binary.LittleEndian.Uint64(record), record, turn))
}
