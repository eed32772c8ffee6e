package runtime

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// spool is the folder of one run, and its lanes.
type spool struct {
	dir  string
	id   string
	run  [16]byte
	max  int64 // bound of the normal lane in bytes
	lock lock  // held for as long as the process records

	definitions shard
	normal      []shard
	errors      []shard

	open   openCalls
	stacks errorStacks

	controlled controlState // of the control file as it was loaded; under recording.mu

	// growing is held while a segment is made: one at a time, and with the
	// race detector's knowledge.
	growing sync.Mutex
	retired map[string]*segment // under growing: complete and still mapped, see recycle.go
	reserve []*segment          // under growing: made ahead, see reserve.go
	spares  uint32              // under growing: how many were made

	opening   bool      // nobody has it yet
	trouble   error     // why it cannot be opened
	condition condition // atomic
	said      [3]int64  // nanotime at which each condition was said; atomic

	reported int64  // nanotime of the last report of an overflow; atomic
	owed     uint64 // calls at which the next one is due whatever the time; atomic
	dropped  uint64 // atomic
	lost     uint64 // atomic
	waited   uint64 // calls that a full lane held back; atomic
	reports  uint64 // records of drops and of lanes in the error lane; atomic
	fill     fill   // of the normal lane

	normalReports uint64 // records of lanes in the normal lane; atomic
}

const (
	maxShards      = 16
	maxErrorShards = 4
)

// openSpool makes the folder of a new run and writes the run record. Others take
// the spool's locks without an order that the race detector knows of: it must not
// see the writes that made them.
//
//go:norace
func openSpool(o Options, session string) (*spool, error) {
	sp := &spool{max: o.SpoolMax, opening: true}
	for i := 0; i < len(sp.run); i++ {
		sp.run[i] = byte(rand.Uint32())
	}
	sp.id = hex.EncodeToString(sp.run[:])
	if err := sp.makeFolder(o.Spool); err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	shards := 1
	for shards < maxShards && shards < goruntime.GOMAXPROCS(0) {
		shards *= 2
	}
	sp.normal = make([]shard, shards)
	sp.errors = make([]shard, shards)
	if shards > maxErrorShards {
		sp.errors = sp.errors[:maxErrorShards]
	}
	sp.definitions.init(sp, wire.LaneDefinition, 0)
	for i := range sp.normal {
		sp.normal[i].init(sp, wire.LaneNormal, i)
	}
	for i := range sp.errors {
		sp.errors[i].init(sp, wire.LaneError, i)
	}
	raceQuiet()
	ok := sp.define(runRecord(sp.id, session))
	raceLoud()
	if !ok {
		sp.close()
		return nil, fmt.Errorf("open the spool: %w", sp.trouble)
	}
	sp.opening = false
	sp.growing.Lock()
	sp.fillReserve(definitionSegment)
	sp.growing.Unlock()
	return sp, nil
}

// makeFolder makes the run's folder, which nobody sees before its lock is held.
func (sp *spool) makeFolder(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if err := checkOwn(root); err != nil {
		return err
	}
	hidden := filepath.Join(root, "."+sp.id)
	if err := os.Mkdir(hidden, 0o700); err != nil {
		return err
	}
	path := filepath.Join(hidden, wire.LiveLockFile)
	held, err := takeLock(path)
	if err != nil {
		os.Remove(path)
		os.Remove(hidden)
		return err
	}
	sp.lock, sp.dir = held, filepath.Join(root, sp.id)
	if err := os.Rename(hidden, sp.dir); err != nil {
		held.release()
		os.Remove(path)
		os.Remove(hidden)
		return err
	}
	return nil
}

// define writes a record of the definition lane; false says that the disk has
// no room for it.
//
//go:norace
func (sp *spool) define(record []byte) bool {
	return sp.definitions.append(record, nanotime(), nil) == stored
}

// reportEvery is how long an overflow of the normal lane may wait for being
// reported, in nanoseconds.
const reportEvery = 100 * int64(time.Millisecond)

// drop counts a call that was not taken.
//
//go:norace
func (sp *spool) drop(s *site, now int64, failed bool) {
	atomic.AddUint64(&s.dropped, 1)
	if failed {
		atomic.AddUint64(&sp.lost, 1)
		raceLoud()
		sp.become(loses, nil)
		raceQuiet()
	} else {
		atomic.AddUint64(&sp.dropped, 1)
	}
	sp.reportOverflow(now)
}

// held counts a call that waited for room and got it.
//
//go:norace
func (sp *spool) held(now int64) {
	atomic.AddUint64(&sp.waited, 1)
	sp.reportOverflow(now)
}

// reportOverflow reports now and then: every tenth of a second, and when the
// count has doubled, since the process may end any moment.
//
//go:norace
func (sp *spool) reportOverflow(now int64) {
	if sp.reportDue(now) {
		sp.reportDrops(now)
		sp.reportLanes(now)
	}
}

// reportDue says, to one caller, that it is time to report.
//
//go:norace
func (sp *spool) reportDue(now int64) bool {
	last, owed := atomic.LoadInt64(&sp.reported), atomic.LoadUint64(&sp.owed)
	count := atomic.LoadUint64(&sp.dropped) + atomic.LoadUint64(&sp.lost) + atomic.LoadUint64(&sp.waited)
	if count >= owed && atomic.CompareAndSwapUint64(&sp.owed, owed, 2*count) {
		atomic.StoreInt64(&sp.reported, now)
		return true
	}
	return now-last >= reportEvery && atomic.CompareAndSwapInt64(&sp.reported, last, now)
}

// reportDrops writes how many calls of each site were dropped since the last
// report. The error lane takes it: it is not bounded. It returns false if the
// disk has no room for that.
//
//go:norace
func (sp *spool) reportDrops(now int64) bool {
	for i := range sites {
		for s := (*site)(atomic.LoadPointer(&sites[i])); s != nil; s = s.next {
			passed := atomic.SwapUint64(&s.passed, 0)
			atomic.AddUint64(&sp.dropped, passed)
			n := atomic.SwapUint64(&s.dropped, 0) + passed
			if n == 0 {
				continue
			}
			if r := sp.errors[0].append(dropsRecord(s, n, wallTime(now)), now, nil); r != stored {
				atomic.AddUint64(&s.dropped, n)
				return false
			}
			atomic.AddUint64(&sp.reports, 1)
		}
	}
	return true
}

var errPending = errors.New("the disk has no room for failed calls; they are kept in memory")

// flush writes what is in memory.
func (sp *spool) flush() error {
	raceQuiet()
	defer raceLoud()
	said := sp.reportDrops(nanotime())
	for i := range sp.errors {
		if !sp.errors[i].flush() {
			return fmt.Errorf("flush the spool: %w", errPending)
		}
	}
	said = sp.reportLanes(nanotime()) && said
	if !said {
		return fmt.Errorf("flush the spool: %w", errors.New("the disk has no room to say what was dropped"))
	}
	return nil
}

// each calls f for every shard.
func (sp *spool) each(f func(*shard)) {
	f(&sp.definitions)
	for i := range sp.errors {
		f(&sp.errors[i])
	}
	for i := range sp.normal {
		f(&sp.normal[i])
	}
}

// sync writes the open segments to the disk.
func (sp *spool) sync() error {
	var failed error
	sp.each(func(s *shard) {
		if err := s.sync(); err != nil && failed == nil {
			failed = fmt.Errorf("sync the spool: %w", err)
		}
	})
	return failed
}

// close lets the segments and then the lock go: the run is over.
func (sp *spool) close() {
	sp.each((*shard).close)
	sp.growing.Lock()
	for base, s := range sp.retired {
		delete(sp.retired, base)
		s.release()
	}
	for _, s := range sp.reserve {
		s.release()
		os.Remove(s.path)
	}
	sp.reserve = nil
	sp.growing.Unlock()
	sp.open.close()
	sp.lock.release()
}

func (sp *spool) stats() Statistics {
	st := Statistics{Recording: true, Clock: "system"}
	if counting {
		st.Clock = "tsc"
	}
	for i := range sp.normal {
		sp.normal[i].count(&st.Normal)
	}
	st.Normal.Recovered = atomic.LoadUint64(&sp.waited)
	st.Normal.Dropped = atomic.LoadUint64(&sp.dropped)
	for i := range sp.errors {
		sp.errors[i].count(&st.Error)
	}
	st.Error.Dropped = atomic.LoadUint64(&sp.lost)
	for _, lane := range []*LaneStatistics{&st.Normal, &st.Error} {
		lane.Overflowed = lane.Recovered + lane.Pending + lane.Dropped
	}
	st.Calls, st.Errors = st.Normal.Enqueued-atomic.LoadUint64(&sp.normalReports), st.Error.Enqueued-atomic.LoadUint64(&sp.reports)
	st.Dropped, st.Lost, st.Pending = st.Normal.Dropped, st.Error.Dropped, st.Error.Pending
	st.Bytes = st.Normal.Bytes + st.Error.Bytes
	return st
}

// waitForRoom waits a little for a drainer and returns the time.
func waitForRoom() int64 {
	time.Sleep(2 * time.Millisecond)
	return nanotime()
}
