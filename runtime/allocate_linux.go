package runtime

import "syscall"

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
