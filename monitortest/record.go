package monitortest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// spoolMax is the room for the calls of one test that end well, in bytes.
const spoolMax = 256 << 20

// recording is held by the one test that records.
var recording sync.Mutex

// Recorder has what was recorded since Record.
type Recorder struct {
	t     testing.TB
	spool string
	run   string // its id
}

// Record records from now on until the test and its subtests have ended. It ends
// the test when another one records, or when the recording cannot be started.
//
// Under monitorgen test the calls are stored in its database as well, as a
// process of their own. It takes some milliseconds, and up to 256 MiB in the
// temporary folder, where calls in great numbers are made.
func Record(t testing.TB) *Recorder {
	t.Helper()
	if !recording.TryLock() {
		t.Fatal("monitortest: another test records at this moment; what is recorded is the process's")
	}
	t.Cleanup(recording.Unlock)
	folder, err := makeSpool(t) // which goes when the recording has ended: what is cleaned up last comes first
	if err != nil {
		t.Fatalf("monitortest: %v", err)
	}
	r := &Recorder{t: t, spool: folder}
	goOn := monitor.RunID() != ""
	if err := monitor.Stop(); err != nil {
		t.Logf("monitortest: %v", err) // of what was recorded before
	}
	t.Cleanup(func() { r.stop(goOn) })
	if err := monitor.Start(monitor.Options{Spool: r.spool, SpoolMax: spoolMax}); err != nil {
		t.Fatalf("monitortest: %v", err)
	}
	r.run = monitor.RunID()
	return r
}

// makeSpool makes a folder for the test's spool: within the one that others drain, if
// there is one, where they do not look before it is done.
func makeSpool(t testing.TB) (string, error) {
	outer := os.Getenv("MONITOR_SPOOL")
	if outer == "" {
		return t.TempDir(), nil
	}
	if err := os.MkdirAll(outer, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(outer, ".monitortest-")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	return dir, err
}

// stop ends the recording, leaves what it has to who drains, and goes on with what
// was recorded before.
func (r *Recorder) stop(goOn bool) {
	if err := monitor.Stop(); err != nil {
		r.t.Errorf("monitortest: %v", err)
	}
	if outer := os.Getenv("MONITOR_SPOOL"); outer != "" && r.run != "" {
		if err := os.Rename(filepath.Join(r.spool, r.run), filepath.Join(outer, r.run)); err != nil {
			r.t.Logf("monitortest: the calls are not stored: %v", err)
		}
	}
	if goOn {
		if err := monitor.Start(monitor.Options{}); err != nil {
			r.t.Errorf("monitortest: go on recording: %v", err)
		}
	}
}

// Calls returns the calls that have ended since Record, in the order in which
// they began. It ends the test when some were dropped, and skips it when the
// program records nothing: where monitorgen has not been at work. It reads all of
// them each time, a second for a million.
func (r *Recorder) Calls() Calls {
	r.t.Helper()
	if monitor.RunID() != r.run {
		r.t.Fatal("monitortest: the test has stopped the recording")
	}
	if stats := monitor.Stats(); stats.Dropped+stats.Lost > 0 {
		r.t.Fatalf("monitortest: %d calls are missing: more than %d MiB", stats.Dropped+stats.Lost, spoolMax>>20)
	}
	read, err := readCalls(r.spool, r.run)
	if err != nil {
		r.t.Fatalf("monitortest: %v", err)
	}
	if len(read) == 0 && !r.hasFunctions() {
		r.t.Skip("monitortest: no function that ran is recorded; run the test by monitorgen test, or generate its package")
	}
	return newCalls(read)
}

// hasFunctions tells whether any recorded function has been called.
func (r *Recorder) hasFunctions() bool {
	functions, _, err := spool.ReadFunctions(r.spool, r.run)
	return err != nil || len(functions) > 0
}

// readCalls reads all calls of a run.
func readCalls(folder, id string) ([]spool.Call, error) {
	run, err := spool.Open(folder, id)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	if _, err := run.Alive(); err != nil {
		return nil, err
	}
	if err := run.Poll(); err != nil {
		return nil, err
	}
	var calls []spool.Call
	for {
		var record spool.Record
		err := run.Next(&record)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		if record.Call.Function != nil && record.Drops.Function == nil && record.Lane.Lane == 0 && record.Figures.Time == 0 {
			calls = append(calls, record.Call)
		}
	}
	slices.SortFunc(calls, func(a, b spool.Call) int { return compareStarts(&a, &b) })
	return calls, nil
}
