package main

import (
	"os"
	"strings"
)

// timestamp reads the processor's time-stamp counter.
//
//go:noescape
func timestamp() int64

// usesTimestamp tells whether the recorder goes by it: where Linux does itself.
func usesTimestamp() bool {
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
}
