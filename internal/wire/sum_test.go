package wire

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// sumByTheBook is the checksum as docs/format.md has it.
func sumByTheBook(record []byte, turn uint32) uint32 {
	u64 := func(at int) uint64 {
		n := uint64(0)
		for i := 7; i >= 0; i-- {
			n = n<<8 | uint64(record[at+i])
		}
		return n
	}
	fold := func(x, y uint64) uint64 {
		p := new(big.Int).Mul(new(big.Int).SetUint64(x), new(big.Int).SetUint64(y))
		low := new(big.Int).And(p, new(big.Int).SetUint64(1<<64-1))
		return p.Rsh(p, 64).Uint64() ^ low.Uint64()
	}
	const a, b = 0x9e3779b97f4a7c15, 0xbb67ae8584caa73b
	even := fold(u64(0)^a, (u64(8)&^(1<<32-1)|uint64(turn))^b)
	odd := uint64(len(record))
	at, place := 16, uint64(a)
	for ; len(record)-at >= 32; at += 32 {
		even += fold(u64(at)^place, u64(at+8)^b)
		odd += fold(u64(at+16)^place, u64(at+24)^a)
		place += a & (1<<64 - 1)
	}
	for ; at < len(record); at += 8 {
		even += fold(u64(at)^place, b)
		place += a & (1<<64 - 1)
	}
	return uint32(fold(even^(odd<<32|odd>>32)^a, b))
}

func randomRecord(size int, turn uint32) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	Seal(b, turn)
	return b
}

func TestRecordSum(t *testing.T) {
	for size := MinRecordSize; size <= 400; size += RecordAlign {
		turn := rand.Uint32() >> (size % 32)
		b := randomRecord(size, turn)
		if !Sealed(b, turn) {
			t.Fatalf("a record of %d bytes is not sealed", size)
		}
		if got, want := uint32(b[8])|uint32(b[9])<<8|uint32(b[10])<<16|uint32(b[11])<<24, sumByTheBook(b, turn); got != want {
			t.Fatalf("%d bytes: %#x, by the book %#x", size, got, want)
		}
	}
}

// What a power cut can leave of a record is found: zeros, or bytes of an earlier
// turn, from any place on or up to it; and so is every single bit.
func TestTornRecords(t *testing.T) {
	const size = 208
	good, earlier := randomRecord(size, 9), randomRecord(size, 8)
	copy(earlier[16:], good[16:]) // the same call at the same place
	Seal(earlier, 8)
	check := func(what string, at int, torn []byte) {
		t.Helper()
		if string(torn) != string(good) && Sealed(torn, 9) {
			t.Errorf("%s at %d is not found", what, at)
		}
	}
	for at := 8; at < size; at += 8 {
		for what, from := range map[string][]byte{"zeros": make([]byte, size), "an earlier turn": earlier} {
			head, tail := append([]byte(nil), good...), append([]byte(nil), good...)
			copy(head[8:at], from[8:at])
			copy(tail[at:], from[at:])
			check(what+" up to", at, head)
			check(what+" from", at, tail)
		}
	}
	for bit := 0; bit < 8*size; bit++ {
		torn := append([]byte(nil), good...)
		torn[bit/8] ^= 1 << (bit % 8)
		check("a bit", bit, torn)
	}
	if Sealed(good, 9+256) {
		t.Error("a turn 256 later is not told apart")
	}
	if Sealed(good[:8], 9) || Sealed(nil, 9) {
		t.Error("a word alone is a record")
	}
}
