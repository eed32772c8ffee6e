//go:build linux

package runtime_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// faultyCalls is how many calls that fail, and as many that do not, the child
// of the tests of faults makes, which is more than any of its disks take.
const faultyCalls = 60_000

func init() {
	children["work"] = func() {
		work(faultyCalls)
	}
	// Something happens to the spool in the middle: the argument is a shell's.
	children["work with an accident"] = func() {
		work(faultyCalls / 2)
		if out, err := exec.Command("sh", "-c", os.Getenv("ACCIDENT")).CombinedOutput(); err != nil {
			fmt.Printf("%v: %s", err, out)
		}
		work(faultyCalls / 2)
	}
}

// work makes calls whose results the program would notice, prints what has
// become of the records, and exits with the code 7.
func work(calls int) {
	for i := 0; i < calls; i++ {
		if err := record(childKey, "", i, func() error { return errNegative }); err != errNegative {
			os.Exit(4)
		}
		if err := record(otherKey, "", i, nothing); err != nil {
			os.Exit(5)
		}
	}
	json.NewEncoder(os.Stdout).Encode(monitor.Stats())
}

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no tmpfs can be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	return dir
}

// fill takes all the room that is left on a disk.
func fill(t *testing.T, dir string) (release func()) {
	t.Helper()
	path := filepath.Join(dir, "other")
	if err := exec.Command("sh", "-c", `cat /dev/zero > "$0" 2>/dev/null; [ -s "$0" ]`, path).Run(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// statistics reads what work has printed last.
func statistics(t *testing.T, stdout string) (st monitor.Statistics) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &st); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	return st
}

// accounted checks that every call is in a file, in memory, or counted, and
// returns what is in the files.
func accounted(t *testing.T, dir string, st monitor.Statistics, calls int) *run {
	t.Helper()
	if got := st.Errors + st.Pending + st.Lost; got != uint64(calls) {
		t.Errorf("%d failed calls are accounted for, of %d: %+v", got, calls, st)
	}
	if got := st.Calls + st.Dropped; got != uint64(calls) {
		t.Errorf("%d other calls are accounted for, of %d: %+v", got, calls, st)
	}
	for _, lane := range []monitor.LaneStatistics{st.Normal, st.Error} {
		if lane.Overflowed != lane.Recovered+lane.Pending+lane.Dropped {
			t.Errorf("what has overflowed is not accounted for: %+v", lane)
		}
	}
	r := readRun(t, dir)
	if len(r.of(childKey)) != int(st.Errors) || len(r.of(otherKey)) != int(st.Calls) {
		t.Errorf("%d failed calls and %d others in the spool: %+v", len(r.of(childKey)), len(r.of(otherKey)), st)
	}
	return r
}

// said checks the lines on standard error.
func said(t *testing.T, stderr string, lines ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if stderr == "" {
		got = nil
	}
	if len(got) != len(lines) {
		t.Fatalf("standard error has %d lines, want %d:\n%s", len(got), len(lines), stderr)
	}
	for i, line := range lines {
		if !strings.HasPrefix(got[i], "monitorgen: ") || !strings.Contains(got[i], line) {
			t.Errorf("standard error has %q, want %q", got[i], line)
		}
	}
}

// On a disk that gets full the program goes on; errors come first, then wait in
// memory, and what that does not take is counted.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "3m")
	stdout, stderr := child(t, "work", "MONITOR_SPOOL="+dir)
	st := statistics(t, stdout)
	said(t, stderr, "no space left on device; failed calls wait in memory", "only counted")
	accounted(t, dir, st, faultyCalls)
	if st.Pending == 0 || st.Lost == 0 || st.Dropped == 0 {
		t.Errorf("the disk was not full: %+v", st)
	}
}

// A disk that others have filled takes errors still: room was made ahead for them.
func TestReserve(t *testing.T) {
	dir := smallDisk(t, "6m")
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	release := fill(t, dir)
	stderr := heard(t)
	key, definedLate := newKey(), newKey()
	const failed = 700
	for i := 0; i < failed; i++ {
		record(key, "", i, func() error { return errNegative })
	}
	record(definedLate, "", 1, func() error { return errNegative })
	if st := monitor.Stats(); st.Errors != failed+1 || st.Pending+st.Lost != 0 {
		t.Errorf("on a full disk: %+v", st)
	}
	// Later ones wait in memory until there is room.
	for monitor.Stats().Pending < 10 {
		record(key, "", -1, func() error { return errNegative })
	}
	if err := monitor.Flush(); err == nil {
		t.Error("Flush does not say that failed calls are in memory alone")
	}
	release()
	if err := monitor.Flush(); err != nil {
		t.Error(err)
	}
	st := monitor.Stats()
	if st.Pending+st.Lost != 0 || st.Error.Recovered < 10 || st.Error.Overflowed != st.Error.Recovered {
		t.Errorf("after there was room again: %+v", st)
	}
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	said(t, stderr(), "no space left on device; failed calls wait in memory", "can be written again; 0 failed calls were not kept")
	r := readRun(t, dir)
	if len(r.of(key)) != int(st.Errors)-1 || len(r.of(definedLate)) != 1 {
		t.Errorf("%d failed calls of %d are in the spool, and %d of the function that was defined late", len(r.of(key)), st.Errors-1, len(r.of(definedLate)))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*"+wire.SpareSuffix)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// heard sends standard error, where the recorder warns, to where the test reads it.
func heard(t *testing.T) (stderr func() string) {
	t.Helper()
	quiet(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	os.Stderr = file
	return func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// A disk that is full before the program starts.
func TestFullDiskAtStart(t *testing.T) {
	dir := smallDisk(t, "1m")
	fill(t, dir)
	stdout, stderr := child(t, "one call", "MONITOR_SPOOL="+dir)
	if stdout != "goroutines 1\n" {
		t.Errorf("standard output: %q", stdout)
	}
	said(t, stderr, "nothing is recorded")
}

// A folder that cannot be written from the start.
func TestReadOnlyAtStart(t *testing.T) {
	dir := smallDisk(t, "1m")
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("it cannot be made read-only: %v: %s", err, out)
	}
	stdout, stderr := child(t, "one call", "MONITOR_SPOOL="+dir)
	if stdout != "goroutines 1\n" {
		t.Errorf("standard output: %q", stdout)
	}
	said(t, stderr, "read-only file system; nothing is recorded")
}

// What can happen to a spool while a program runs. Its output and its exit code
// are those of a program that nobody records; the calls that were not kept are
// counted and said.
func TestAccidents(t *testing.T) {
	tests := []struct {
		name, accident string
		said           []string
		damaged        bool // the files cannot be compared with the counts
	}{
		{"the folder is removed", `rm -r "$MONITOR_SPOOL"`, []string{"no such file or directory; failed calls wait in memory"}, true},
		{"all files are removed", `rm "$MONITOR_SPOOL"/*/*`, nil, true},
		{"every file is cut off", `truncate -s 100 "$MONITOR_SPOOL"/*/*`, nil, true},
		{"every file is emptied", `truncate -s 0 "$MONITOR_SPOOL"/*/*`, nil, true},
		{"the folder is read only", `mount --bind "$MONITOR_SPOOL" "$MONITOR_SPOOL" && mount -o remount,ro,bind "$MONITOR_SPOOL"`,
			[]string{"read-only file system; failed calls wait in memory"}, false},
		{"the folder is moved", `mv "$MONITOR_SPOOL"/* "$MONITOR_SPOOL"/..`, []string{"no such file or directory; failed calls wait in memory"}, true},
		{"nothing", `true`, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			if strings.Contains(tt.accident, "mount") {
				dir = smallDisk(t, "64m")
				t.Cleanup(func() { exec.Command("umount", dir).Run() }) // the one that the accident mounts
			}
			stdout, stderr := child(t, "work with an accident", "MONITOR_SPOOL="+dir, "MONITOR_SPOOL_MAX=16MiB", "ACCIDENT="+tt.accident)
			if lines := strings.Count(stdout, "\n"); lines != 2 {
				t.Errorf("%d lines of output:\n%s", lines, stdout)
			}
			said(t, stderr, tt.said...)
			st := statistics(t, stdout)
			if !tt.damaged {
				accounted(t, dir, st, faultyCalls)
				return
			}
			if failed, others := st.Errors+st.Pending+st.Lost, st.Calls+st.Dropped; failed != faultyCalls || others != faultyCalls {
				t.Errorf("%d failed calls and %d others of %d are accounted for", failed, others, faultyCalls)
			}
		})
	}
}
