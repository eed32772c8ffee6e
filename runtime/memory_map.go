//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package runtime

import "syscall"

// mapMemory returns zeroed memory outside of the program's heap, or nil.
func mapMemory(size int) []byte {
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return mem
}

func unmapMemory(mem []byte) { syscall.Munmap(mem) }
