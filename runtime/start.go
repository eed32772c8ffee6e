package runtime

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"unsafe"
)

// Overflow says what becomes of a call that ends well when the normal lane of
// the spool is full. Failed calls are never subject to it.
type Overflow int

const (
	// Drop leaves the call out and counts it.
	Drop Overflow = iota
	// Wait holds the call back until the spool has been drained. Where nobody
	// drains it, that is forever.
	Wait
)

// NoSample as Options.Sample keeps no call but those that fail, since 0 stands
// for the default.
const NoSample = -1

// Options say where and how to record. What is zero is taken from the MONITOR*
// environment, or is the default that is named here.
type Options struct {
	// Spool is the folder of the spools of all processes; it is made with the
	// permissions 0700 when it is missing. Default: the database's path with
	// "-spool" behind it, where MONITOR_DB or else monitor.db is the database.
	Spool string
	// SpoolMax bounds the normal lane of this process, in bytes of segments that
	// nobody has drained yet. Default 64 MiB. Each of up to 16 shards may have
	// two segments, of 64 KiB or more, whatever the bound.
	SpoolMax int64
	// Overflow is what a full normal lane does to a call. Default Drop.
	Overflow Overflow
	// Sample is the share of calls to keep, above 0 to 1, of functions whose
	// directive does not say. Default 1. Failed calls are kept whatever it is.
	Sample float64
	// Console prints a [MONITOR] line on standard error for each recorded call,
	// which costs a system call.
	Console bool
}

const (
	defaultSpoolMax = 64 << 20
	defaultDatabase = "monitor.db"
)

// ErrStarted is what Start returns when recording is on.
var ErrStarted = errors.New("the spool of this process is open already")

// Start opens the spool of this process and turns its sites on. It is not
// needed when MONITOR_SPOOL is set: then the first call of a recorded function
// does it. With MONITOR=off it does nothing.
//
// It returns ErrStarted when recording is on, and an error when the spool
// cannot be made.
func Start(o Options) error {
	if fromEnvironment.off {
		return nil
	}
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	if recorder.current() != nil {
		return ErrStarted
	}
	return recorder.open(o)
}

// Stop turns all sites off, reports what was dropped, and ends the run: its
// spool is complete. Calls that have not ended by then are not recorded. A
// later Start begins another run. It returns the error of the last report; when
// recording is off it does nothing.
func Stop() error {
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	sp := recorder.current()
	if sp == nil {
		return nil
	}
	for s := recorder.sites; s != nil; s = s.older {
		s.turn(siteOff)
	}
	err := sp.flush()
	atomic.StorePointer(&recorder.spool, nil)
	for s := recorder.sites; s != nil; s = s.older {
		s.noteOff() // where calls looked at the control file, they need not any more
	}
	sp.close()
	recorder.stopped = true
	return err
}

// Flush writes what is still in memory: counts of dropped calls, and failed
// calls that the disk had no room for. Every other record is in its file as
// soon as the call has ended, out of reach of whatever happens to the process.
// What a power cut may take, Flush writes to the disk. It returns an error when
// any of that cannot be done, and nil when recording is off.
func Flush() error {
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	sp := recorder.current()
	if sp == nil {
		return nil
	}
	recorder.defineAll(sp)
	if err := sp.flush(); err != nil {
		return err
	}
	return sp.sync()
}

// RunID returns the id of this process's run, 32 hexadecimal digits, or ""
// when recording is off.
func RunID() string {
	if sp := recorder.current(); sp != nil {
		return sp.id
	}
	return ""
}

// Statistics are counts since Start.
type Statistics struct {
	Recording bool   // whether a spool is open
	Clock     string // what calls are timed with: "tsc", the processor's counter, or "system"
	Calls     uint64 // records of calls that ended well
	Errors    uint64 // records of calls that failed
	Dropped   uint64 // calls that ended well while the normal lane was full
	Lost      uint64 // failed calls that neither disk nor memory took
	Pending   uint64 // failed calls that wait in memory for room on the disk
	Bytes     uint64 // of all records

	Normal, Error LaneStatistics // the same, and more, by lane
}

// LaneStatistics are those of one lane of the spool: Normal has the calls that
// ended well, Error has those that failed and the reports of drops.
type LaneStatistics struct {
	Enqueued   uint64 // records in files, which outlive the process
	Overflowed uint64 // records that found no room: recovered, pending or dropped since
	Recovered  uint64 // records that got into a file later
	Pending    uint64 // records that wait in memory
	Dropped    uint64 // calls that are only counted
	Bytes      uint64 // of the records in files
}

// Stats returns what was recorded since Start. It takes each lock of the spool
// for an instant.
func Stats() Statistics {
	sp := recorder.current()
	if sp == nil {
		return Statistics{}
	}
	return sp.stats()
}

// complete fills in what o leaves open.
func (o Options) complete(env Options) (Options, error) {
	if o.Spool == "" {
		o.Spool = env.Spool
	}
	if o.Spool == "" {
		database := os.Getenv("MONITOR_DB")
		if database == "" {
			database = defaultDatabase
		}
		o.Spool = database + "-spool"
	}
	path, err := filepath.Abs(o.Spool)
	if err != nil {
		return o, fmt.Errorf("find the spool folder: %w", err)
	}
	o.Spool = path
	if o.SpoolMax == 0 {
		o.SpoolMax = env.SpoolMax
	}
	if o.SpoolMax <= 0 {
		o.SpoolMax = defaultSpoolMax
	}
	if o.Overflow == Drop {
		o.Overflow = env.Overflow
	}
	if o.Sample == 0 {
		o.Sample = env.Sample
	}
	if o.Sample > 1 || math.IsNaN(o.Sample) {
		return o, fmt.Errorf("sample %v is not a share from 0 to 1", o.Sample)
	}
	o.Console = o.Console || env.Console
	return o, nil
}

// sample is the sample of functions whose directive does not say.
func (o Options) sample() uint64 {
	switch {
	case o.Sample == 0:
		return keepAll
	case o.Sample < 0:
		return 0
	}
	return sampleOf(o.Sample)
}

// current returns the open spool, or nil.
//
//go:norace
func (r *recording) current() *spool { return (*spool)(atomic.LoadPointer(&r.spool)) }

//go:norace
func (r *recording) setCurrent(sp *spool) { atomic.StorePointer(&r.spool, unsafe.Pointer(sp)) }
