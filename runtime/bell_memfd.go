//go:build linux && (amd64 || arm64)

package runtime

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

const (
	memfdCloexec      = 0x1
	memfdAllowSealing = 0x2

	fcntlAddSeals = 1033
	sealSeals     = 0x1
	sealShrink    = 0x2
	sealGrow      = 0x4
)

// makeBell makes the memory of a bell, and checks what others rely on: that the
// descriptor's name can be found from outside and that what is written by it is
// seen in the mapping. It returns nil where one of these does not hold: an old
// kernel, one that is made up (gVisor), no /proc.
func makeBell(id [16]byte) (fd int, mem []byte) {
	name := append([]byte(wire.BellName), 0)
	got, _, errno := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), memfdCloexec|memfdAllowSealing, 0)
	if errno != 0 {
		return -1, nil
	}
	fd = int(got)
	if mem = mapBell(fd); mem == nil || !bellRings(fd, mem, id) {
		if mem != nil {
			syscall.Munmap(mem)
		}
		syscall.Close(fd)
		return -1, nil
	}
	return fd, mem
}

// mapBell gives the file its memory, seals it, and maps it.
func mapBell(fd int) []byte {
	if syscall.Ftruncate(fd, wire.BellSize) != nil || syscall.Fallocate(fd, 0, 0, wire.BellSize) != nil {
		return nil
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), fcntlAddSeals, sealSeals|sealShrink|sealGrow); errno != 0 {
		return nil
	}
	mem, err := syscall.Mmap(fd, 0, wire.BellSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	return mem
}

// bellRings tries the bell.
func bellRings(fd int, mem []byte, id [16]byte) bool {
	link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil || !strings.HasPrefix(link, "/memfd:"+wire.BellName) || syscall.Ftruncate(fd, 0) == nil {
		return false
	}
	if n, err := syscall.Pwrite(fd, id[:], wire.BellIDAt); err != nil || n != len(id) {
		return false
	}
	return string(mem[wire.BellIDAt:][:len(id)]) == string(id[:])
}
