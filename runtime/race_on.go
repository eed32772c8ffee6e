//go:build race

package runtime

import (
	goruntime "runtime"
	"unsafe"
)

// Under the race detector the recorder has to be invisible in both ways. Its
// memory passes from goroutine to goroutine by means that the detector does
// not see: functions that touch it are marked go:norace. And its locks and
// atomics must not order the user's goroutines, or a race of theirs would be
// hidden: raceQuiet makes the detector ignore them until raceLoud. No user code
// runs in between.

const underRace = true

//go:norace
func raceQuiet() { goruntime.RaceDisable() }

//go:norace
func raceLoud() { goruntime.RaceEnable() }

// copyBytes copies as copy does, which would report the access even in a
// function marked go:norace.
//
//go:norace
func copyBytes(to, from []byte) {
	n := len(from)
	if len(to) < n {
		n = len(to)
	}
	for i := 0; i < n; i++ {
		to[i] = from[i]
	}
}

//go:norace
func copyString(to []byte, from string) {
	copyBytes(to, unsafe.Slice(unsafe.StringData(from), len(from)))
}
