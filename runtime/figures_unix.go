//go:build unix

package runtime

import (
	"syscall"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// cpuTime is the user and system time of the process, in nanoseconds.
func cpuTime() uint64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return wire.Unknown
	}
	return uint64(use.Utime.Nano() + use.Stime.Nano())
}
