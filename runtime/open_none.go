//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package runtime

import (
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Where there is no mapped memory, open calls are not shown: a system call for
// every call would be too much.

func mapOpenFile(string, int, []byte) []byte { return nil }

func storeOpenCall(unsafe.Pointer, int, *[wire.CallHeaderSize]byte, int, uint64, uint64, uint64) bool {
	return false
}

func storeOpenWord(unsafe.Pointer, uint64) bool { return false }

func addOpenUnshown([]byte) bool { return false }
