//go:build amd64 && gc

package runtime

import (
	"io"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
)

// The time-stamp counter costs a third of the system's clock. It is used where
// it is one clock for all cores that never stops: the processor says that its
// rate does not depend on the core's state, and Linux goes by it itself, or, as the
// guest of a KVM host, by the host's clock, which is that counter with the host's
// rate, and finds the counter reliable: it would take it without watching it.

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
	if err != nil {
		return false
	}
	switch strings.TrimSpace(string(source)) {
	case "tsc":
		return true
	case "kvm-clock":
		return processorHas("constant_tsc", "nonstop_tsc", "tsc_reliable")
	}
	return false
}

// processorHas tells whether Linux lists all these flags for the first processor.
func processorHas(flags ...string) bool {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return false
	}
	defer f.Close()
	var text [8 << 10]byte // the first processor's entry, which has some 4 KB
	n, _ := io.ReadFull(f, text[:])
	_, line, _ := strings.Cut(string(text[:n]), "\nflags")
	line, _, whole := strings.Cut(line, "\n")
	listed := strings.Fields(line)
	for _, flag := range flags {
		if !whole || !slices.Contains(listed, flag) {
			return false
		}
	}
	return true
}
