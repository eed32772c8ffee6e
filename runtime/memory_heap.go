//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package runtime

func mapMemory(int) []byte { return nil }

func unmapMemory([]byte) {}
