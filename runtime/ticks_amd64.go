//go:build amd64 && gc

package runtime

import (
	"os"
	goruntime "runtime"
	"strings"
)

// The time-stamp counter costs a third of the system's clock. It is used where
// it is one clock for all cores that never stops: the processor says that its
// rate does not depend on the core's state, and Linux has found that the cores
// agree and goes by it itself.

// timestamp reads the processor's time-stamp counter.
//
//go:noescape
func timestamp() int64

// cpuid asks the processor about itself.
//
//go:noescape
func cpuid(leaf uint32) (eax, edx uint32)

// steadyTimestamp tells whether timestamp can be a clock.
func steadyTimestamp() bool {
	const (
		extended      = 0x80000000
		powerLeaf     = extended + 7
		invariantRate = 1 << 8
	)
	if highest, _ := cpuid(extended); highest < powerLeaf {
		return false
	}
	if _, power := cpuid(powerLeaf); power&invariantRate == 0 || goruntime.GOOS != "linux" {
		return false
	}
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
}
