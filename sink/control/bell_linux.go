package control

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// errNoBell says that the bell is not where the process said.
var errNoBell = errors.New("the process has no bell that can be reached")

// ring has a process look at the settings. The number of the process may be of
// another one meanwhile, and the descriptor too: nothing is opened whose name is
// not that of a bell, and nothing written that is not this one.
func ring(info spool.Info) error {
	if info.Bell == "" {
		return nil // it looks at the file by itself
	}
	number, id, _ := strings.Cut(info.Bell, ":")
	fd, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return errNoBell
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", info.PID, fd)
	link, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(link, "/memfd:"+wire.BellName) {
		return errNoBell
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if stat, err := f.Stat(); err != nil || stat.Size() != wire.BellSize {
		return errNoBell
	}
	var head [wire.BellRungAt]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(head[wire.BellMagicAt:]) != wire.BellMagic || hex.EncodeToString(head[wire.BellIDAt:][:16]) != id {
		return errNoBell
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, wire.BellSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	defer syscall.Munmap(mem)
	ringMemory(mem)
	return nil
}

// ringMemory does what wire.BellRungAt says. Before and after: a process that
// looks between the two may put back a word that is cleared behind it, or have
// it cleared after it was put back; it is then led here once more.
func ringMemory(mem []byte) {
	rung := (*uint32)(unsafe.Pointer(&mem[wire.BellRungAt]))
	atomic.StoreUint32(rung, 1)
	for i := range wire.BellWords {
		atomic.StoreUint64((*uint64)(unsafe.Pointer(&mem[wire.BellWordsAt+wire.BellWordSize*i])), 0)
	}
	atomic.StoreUint32(rung, 1)
}
