package runtime

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// The bell is memory that the process shares with whoever changes the control
// file (wire.BellRungAt says how it is rung). The words that Off reads lie in it:
// a function that is off costs one load more than a constant, and comes on again
// although nothing in the process waits for that.
//
// It is a file without a name, in memory alone, sealed: nobody can make it
// smaller, no disk can be full, so a load of it never fails. It is mapped once and
// stays, since any function of the program may be about to read it.

// bell is written once, before any site is on.
var bell struct {
	id   string // as the run record has it; "" where there is none
	rung *uint32
}

var bellOnce sync.Once

// noBell stands in for bell.rung where there is none.
var noBell uint32

func init() { bell.rung = &noBell }

// bellRung tells whether the bell was rung and nobody has answered.
//
//go:norace
func bellRung() bool { return atomic.LoadUint32(bell.rung) != 0 }

// bellAnswered takes the ring back, and tells whether there was one.
//
//go:norace
func bellAnswered() bool { return atomic.SwapUint32(bell.rung, 0) != 0 }

// hangBell makes the bell, tries it, and moves the words of the sites there.
// Where that cannot be done there is none. recording.mu is held.
func hangBell() {
	// Not of crypto/rand: its timer would keep Go from seeing that the program is
	// deadlocked, for a minute.
	var id [16]byte
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	fd, mem := makeBell(id)
	if mem == nil {
		return
	}
	copy(mem[wire.BellIDAt:], id[:])
	binary.LittleEndian.PutUint64(mem[wire.BellMagicAt:], wire.BellMagic)
	words := unsafe.Pointer(&mem[wire.BellWordsAt])
	for i := range ownWords {
		*(*uint64)(unsafe.Add(words, i*wire.BellWordSize)) = ownWords[i]
	}
	bell.rung = (*uint32)(unsafe.Pointer(&mem[wire.BellRungAt]))
	bell.id = strconv.Itoa(fd) + ":" + hex.EncodeToString(id[:])
	offWords = words
}
