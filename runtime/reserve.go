package runtime

import (
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// A disk that gets full must not cost errors. Segments for them are made ahead:
// one when the spool is opened, and another whenever one has been taken. When
// that is used up, too, failed calls wait in memory, and what memory does not
// take is counted. Each of these steps is said on standard error.

// reserveSegments is how many segments are made ahead: one for failed calls, one for
// the definitions that their functions may still need.
const reserveSegments = 2

// takeReserve makes a segment that was made ahead the one at path, or returns
// nil. growing is held.
func (sp *spool) takeReserve(path string, need int, header segmentHeader) *segment {
	for i, s := range sp.reserve {
		if s.size < need {
			continue
		}
		sp.reserve = append(sp.reserve[:i:i], sp.reserve[i+1:]...)
		if s.renew(header) && os.Rename(s.path, path) == nil {
			s.path = path
			return s
		}
		s.release()
		return nil
	}
	return nil
}

// fillReserve makes up for what was taken, as far as the disk allows. growing is
// held.
func (sp *spool) fillReserve(size int) {
	for recyclable && len(sp.reserve) < reserveSegments {
		sp.spares++
		s, err := newSegment(filepath.Join(sp.dir, wire.SpareName(sp.spares)), size, nil)
		if err != nil {
			return // the next error that needs it says so
		}
		sp.reserve = append(sp.reserve, s)
	}
}

// condition is what can be done with failed calls.
type condition = uint32

const (
	writable  condition = iota // there is room on the disk
	remembers                  // they wait in memory
	loses                      // they are counted
)

// sayEvery is how long a condition is not said again, in nanoseconds: a disk
// may stay at the edge of being full.
const sayEvery = 60 * int64(1e9)

// become notes the condition, and says it on standard error when it has changed.
func (sp *spool) become(c condition, err error) {
	if sp.opening {
		sp.trouble = err
		return
	}
	was := atomic.SwapUint32(&sp.condition, c)
	if was == c {
		return
	}
	last, at := atomic.LoadInt64(&sp.said[c]), nanotime()
	if last != 0 && at-last < sayEvery || !atomic.CompareAndSwapInt64(&sp.said[c], last, at) {
		return
	}
	switch c {
	case writable:
		warn("the spool can be written again; %d failed calls were not kept", atomic.LoadUint64(&sp.lost))
	case remembers:
		warn("the spool cannot be written: %v; failed calls wait in memory for room, all others are dropped", err)
	case loses:
		warn("there is no room for failed calls any more, on the disk nor in memory: they are only counted")
	}
}
