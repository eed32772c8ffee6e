package runtime

import (
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Live control: a file in the spool folder says what is to be recorded of which
// function, for all processes that record there, and may change at any time.
//
// Nobody waits for that in the program: there is no goroutine to do it. A process
// is told by its bell (bell.go), which recorded and sampled-out calls find rung, and
// which takes functions that are off back to where they find it, too. Where
// there is no bell, calls look at the file themselves now and then (polls).

// lookEvery is how often recorded calls look around, in nanoseconds.
const lookEvery = 200 * int64(time.Millisecond)

// nextLook is the time of nanotime at which a recorded call is to look around
// next; atomic.
var nextLook int64

// lookAround does what is to be done now and then. One of the calls that come
// here does it. It is called when the call's record is written, and with the race
// detector's knowledge.
//
//go:norace
//go:noinline
func lookAround(now int64) {
	raceQuiet()
	defer raceLoud()
	next := atomic.LoadInt64(&nextLook)
	if now < next || !atomic.CompareAndSwapInt64(&nextLook, next, now+lookEvery) {
		return
	}
	if bellRung() || polls() {
		recorder.attend()
	}
	recount()
	if sp := recorder.current(); sp != nil {
		sp.reportFigures(now)
	}
}

// isOnAgain is for a call of a site that is off and whose word does not say so.
//
//go:norace
//go:noinline
func (s *site) isOnAgain() bool {
	switch {
	case bellRung():
		raceQuiet()
		recorder.attend()
		raceLoud()
	case polls():
		if now := nanotime(); now >= atomic.LoadInt64(&nextLook) {
			lookAround(now)
		}
	}
	return atomic.LoadUint32(&s.state) != siteOff
}

// polls tells whether calls have to look at the control file themselves.
//
//go:norace
func polls() bool { return bell.id == "" && recorder.current() != nil }

// attend takes in a change of the control file. When another goroutine is about
// to, it leaves that to it. It is called between raceQuiet and raceLoud.
//
//go:norace
func (r *recording) attend() {
	if !r.mu.TryLock() {
		return
	}
	sp := r.current()
	if sp == nil {
		bellAnswered() // it was rung for a run that is over
	}
	for sp != nil && sp.controlChanged() {
		raceLoud()
		settings, ok := sp.loadControl()
		raceQuiet()
		if !ok {
			continue // it is damaged: what is in force stays
		}
		r.settings = settings
		for s := r.sites; s != nil; s = s.older {
			if s.run == sp {
				r.control(s)
			}
		}
	}
	r.mu.Unlock()
}

// control gives a site that the spool knows its level and limits. mu is held.
//
//go:norace
func (r *recording) control(s *site) {
	setting, ok := wire.FindControl(r.settings, s.key)
	if !ok {
		setting = wire.ControlEntry{Level: wire.LevelFull}
	}
	s.limit(r.keep, setting)
	s.turn(uint32(setting.Level))
}

// controlState tells versions of the control file apart.
type controlState struct {
	size     int64
	modified time.Time
}

// controlChanged tells whether the control file may have changed since it was
// loaded.
//
//go:norace
func (sp *spool) controlChanged() bool {
	if bell.id != "" {
		return bellAnswered()
	}
	raceLoud()
	now := controlState{}
	if info, err := os.Stat(sp.controlPath()); err == nil {
		now = controlState{info.Size(), info.ModTime()}
	}
	raceQuiet()
	changed := now != sp.controlled
	sp.controlled = now
	return changed
}

func (sp *spool) controlPath() string { return filepath.Join(filepath.Dir(sp.dir), wire.ControlFile) }

// readControl returns the settings at the start of the run.
func (sp *spool) readControl() []wire.ControlEntry {
	sp.controlChanged()
	settings, _ := sp.loadControl()
	return settings
}

// loadControl returns the settings, none where there is no file. It returns false
// for a file that makes no sense.
func (sp *spool) loadControl() ([]wire.ControlEntry, bool) {
	path := sp.controlPath()
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil, true
	}
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	const most = wire.ControlHeaderSize + wire.MaxControlEntries*wire.ControlEntrySize
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, false
	}
	return wire.ParseControl(text)
}
