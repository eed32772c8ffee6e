package runtime

import (
	"sync/atomic"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// What has become of the records of a lane, for those who look at the database:
// the program's standard error is its own. A report has the sums since the
// start; it is written when the normal lane comes near its bound or leaves it,
// with the reports of drops, and by Flush and Stop.
//
// Reports are counted, so that Statistics.Calls and Errors are calls alone.

// A warning says that more than warnAbove percent of the normal lane's bound is
// taken; the next one comes after there was less than calmBelow percent.
const (
	warnAbove = 80
	calmBelow = 50
)

// fill is how full the normal lane is.
type fill struct {
	used     uint64 // bytes of segments that nobody has drained; atomic
	warnings uint64 // how often the lane came near its bound; atomic
	near     bool   // under growing
	news     uint32 // there is something to report; atomic
}

// filled notes how much of the lane is taken. growing is held.
func (f *fill) filled(used, bound int64) {
	atomic.StoreUint64(&f.used, uint64(used))
	switch near := f.near; {
	case !near && used > bound/100*warnAbove:
		f.near = true
		atomic.AddUint64(&f.warnings, 1)
		atomic.StoreUint32(&f.news, 1)
	case near && used < bound/100*calmBelow:
		f.near = false
		atomic.StoreUint32(&f.news, 1)
	}
}

// reportNews reports if there is something to report.
//
//go:norace
func (sp *spool) reportNews(now int64) {
	if atomic.LoadUint32(&sp.fill.news) != 0 && atomic.SwapUint32(&sp.fill.news, 0) != 0 {
		sp.reportLanes(now)
	}
}

// reportLanes writes the sums of both lanes. It returns false if the disk has no
// room for that.
//
//go:norace
func (sp *spool) reportLanes(now int64) bool {
	st := sp.stats()
	normal := laneRecord(wire.LaneNormal, &st.Normal, wallTime(now))
	normal.u64(atomic.LoadUint64(&sp.fill.used))
	normal.u64(uint64(sp.max))
	normal.u64(atomic.LoadUint64(&sp.fill.warnings))
	failed := laneRecord(wire.LaneError, &st.Error, wallTime(now))
	failed.u64(0)
	failed.u64(0)
	failed.u64(0)
	needed := st.Normal.Overflowed+st.Error.Overflowed+atomic.LoadUint64(&sp.fill.warnings) != 0
	for _, r := range []*smallRecord{normal, failed} {
		if !sp.report(r.bytes(), now) && needed {
			if sp.errors[0].append(r.bytes(), now, nil) != stored {
				return false
			}
			atomic.AddUint64(&sp.reports, 1)
		}
	}
	return true
}

// report writes a record where there is room for it already: what is not worth a
// segment of its own.
//
//go:norace
func (sp *spool) report(record []byte, now int64) bool {
	for i := range sp.errors {
		if sp.errors[i].takes(record) {
			atomic.AddUint64(&sp.reports, 1)
			return true
		}
	}
	for i := range sp.normal {
		if sp.normal[i].takes(record) {
			atomic.AddUint64(&sp.normalReports, 1)
			return true
		}
	}
	return false
}

//go:norace
func laneRecord(lane wire.Lane, st *LaneStatistics, wall int64) *smallRecord {
	b := newSmallRecord(wire.KindLane, 80)
	b.u32(uint32(lane))
	b.u32(0)
	b.u64(uint64(wall))
	b.u64(st.Enqueued)
	b.u64(st.Overflowed)
	b.u64(st.Recovered)
	b.u64(st.Dropped)
	b.u64(st.Bytes)
	return b
}
