package runtime

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// A segment that a drainer has stored is used again: its blocks are on the disk
// and its pages in memory, which is most of what a new one costs. The drainer
// renames it (wire.FreeName); the writer gives it a new header and a zero word
// where the first record goes, and renames it to its new name. What else it
// holds is of an earlier turn, which no reader takes for a record.

// listing is what a run's folder holds.
type listing struct {
	segments []os.DirEntry
	free     []string
}

func (sp *spool) list() (there listing, err error) {
	entries, err := os.ReadDir(sp.dir)
	if err != nil {
		return there, err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case wire.SegmentSuffix:
			there.segments = append(there.segments, e)
		case wire.FreeSuffix:
			there.free = append(there.free, e.Name())
		}
	}
	return there, nil
}

// normal is the size of the normal segments that nobody has drained yet, and
// how many of them are of one shard.
func (l listing) normal(shard uint32) (size int64, own int) {
	for _, e := range l.segments {
		lane, of, _, ok := wire.ParseSegmentName(e.Name())
		if !ok || lane != wire.LaneNormal {
			continue
		}
		if of == shard {
			own++
		}
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size, own
}

// maxRetired is how many complete segments stay mapped, in the hope that they
// are used again: those of a lane of the default size.
const maxRetired = 64

// retire takes in a segment that is complete. spool.growing is held.
func (sp *spool) retire(s *segment) {
	if !recyclable || len(sp.retired) >= maxRetired {
		s.release()
		return
	}
	if sp.retired == nil {
		sp.retired = make(map[string]*segment)
	}
	sp.retired[segmentBase(s.path)] = s
}

// segmentBase is the part of its name that a segment keeps when it is freed.
func segmentBase(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// recycle makes a free segment of need bytes or more the one at path. It returns
// nil when there is none. spool.growing is held.
func (sp *spool) recycle(there listing, path string, need int, header segmentHeader) *segment {
	if header.lane == wire.LaneDefinition {
		return nil
	}
	sp.forgetDeleted(there)
	if header.lane == wire.LaneNormal && len(there.free) <= reserveSegments-len(sp.reserve) {
		return nil // the reserve is short, and these are as good
	}
	for _, name := range there.free {
		base, free := segmentBase(name), filepath.Join(sp.dir, name)
		s := sp.retired[base]
		if s != nil && s.size < need {
			continue
		}
		delete(sp.retired, base)
		if s != nil && s.renew(header) && os.Rename(free, path) == nil {
			s.path = path
			return s
		}
		// Not mapped any more, or damaged: worth no more than a new one.
		if s != nil {
			s.release()
		}
		os.Remove(free)
	}
	return nil
}

// forgetDeleted lets go of retired segments that are no more in the folder.
func (sp *spool) forgetDeleted(there listing) {
	if len(sp.retired) == 0 {
		return
	}
	exists := make(map[string]bool, len(there.segments)+len(there.free))
	for _, e := range there.segments {
		exists[segmentBase(e.Name())] = true
	}
	for _, name := range there.free {
		exists[segmentBase(name)] = true
	}
	for base, s := range sp.retired {
		if !exists[base] {
			delete(sp.retired, base)
			s.release()
		}
	}
}
