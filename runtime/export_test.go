package runtime

import (
	"sync/atomic"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// UsePortable makes the recorder do without what it knows of Go's runtime, as
// on a platform where it knows nothing. It must come before the first Start.
func UsePortable() {
	located.once.Do(func() {})
	located.g, located.panics = false, false
}

// UseNoBell makes the recorder do without a bell. It must come before the first
// Start.
func UseNoBell() { bellOnce.Do(func() {}) }

// HasBell tells whether there is a bell; it is for after the first Start.
func HasBell() bool { return bell.id != "" }

// Located tells whether the self-check found what it looked for.
func Located() (g, panics bool) {
	locate()
	return located.g, located.panics
}

// KeyStep and KeyTurn: keys that are the first apart have slots beside each other,
// those that are the second apart have the same.
const (
	KeyStep = wire.BellWordSize
	KeyTurn = KeyStep * wire.BellWords
)

// LevelOf returns the level in force of a site that is defined.
func LevelOf(key uint64) uint32 { return atomic.LoadUint32(&find(key).state) }

// RingOwnBell does what one who has changed the control file does.
func RingOwnBell() {
	atomic.StoreUint32(bell.rung, 1)
	for i := range sites {
		atomic.StoreUint64(offWord(uint64(i)), 0)
	}
	atomic.StoreUint32(bell.rung, 1)
}

// ReportFigures writes how the process is, whether it is time or not.
func ReportFigures() {
	figures.mu.Lock()
	figures.next = 0
	figures.mu.Unlock()
	raceQuiet()
	recorder.current().reportFigures(nanotime())
	raceLoud()
}
