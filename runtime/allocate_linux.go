package runtime

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// allocate gives a new file its blocks.
func allocate(fd, size int) error {
	for {
		switch err := syscall.Fallocate(fd, 0, 0, int64(size)); err {
		case syscall.EINTR:
		case syscall.EOPNOTSUPP, syscall.ENOSYS: // some file systems cannot
			return fillZeros(fd, size)
		default:
			return err
		}
	}
}

// populateWrite is MADV_POPULATE_WRITE of Linux 5.14.
const populateWrite = 23

// unpopulated is set when the kernel does not know populateWrite.
var unpopulated uint32 // atomic

// populate brings pages of a mapping into memory, for writing. Where that cannot
// be, they come one by one as they are touched.
//
//go:norace
func populate(mem []byte) {
	if atomic.LoadUint32(&unpopulated) != 0 {
		return
	}
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), populateWrite)
	if errno == syscall.EINVAL || errno == syscall.ENOSYS {
		atomic.StoreUint32(&unpopulated, 1)
	}
}
