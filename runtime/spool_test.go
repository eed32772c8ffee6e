package runtime_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

func TestKeysThatCollide(t *testing.T) {
	base := newKey() << 32
	keys := []uint64{base, base + monitor.KeyTurn, base + 2*monitor.KeyTurn}
	r := recording(t, monitor.Options{}, func() {
		for round := 0; round < 3; round++ {
			for i, key := range keys {
				record(key, "", i, nothing)
			}
		}
	})
	for i, key := range keys {
		calls := r.of(key)
		if len(calls) != 3 {
			t.Errorf("%d calls of key %d, want 3", len(calls), i)
		}
		if n := r.defined(key); n != 1 {
			t.Errorf("key %d has %d sites, want one", i, n)
		}
	}
}

// Many goroutines meet new sites at once: each is defined once.
func TestDefineAtOnce(t *testing.T) {
	const sites, goroutines = 50, 8
	var keys [sites]uint64
	for i := range keys {
		keys[i] = newKey()
	}
	r := recording(t, monitor.Options{}, func() {
		var wg sync.WaitGroup
		for i := 0; i < goroutines; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for _, key := range keys {
					record(key, "", 1, nothing)
				}
			}()
		}
		wg.Wait()
	})
	for _, key := range keys {
		if r.defined(key) != 1 || len(r.of(key)) != goroutines {
			t.Errorf("a site with %d definitions and %d calls", r.defined(key), len(r.of(key)))
		}
	}
}

func TestStartTwice(t *testing.T) {
	if monitor.RunID() != "" || monitor.Stats().Recording {
		t.Fatal("recording is on already")
	}
	recording(t, monitor.Options{}, func() {
		if err := monitor.Start(monitor.Options{Spool: t.TempDir()}); !errors.Is(err, monitor.ErrStarted) {
			t.Errorf("a second Start returns %v", err)
		}
		if id := monitor.RunID(); len(id) != 32 || !monitor.Stats().Recording {
			t.Errorf("run %q", id)
		}
	})
	if err := monitor.Stop(); err != nil {
		t.Errorf("a Stop when nothing is recorded returns %v", err)
	}
	if err := monitor.Flush(); err != nil {
		t.Errorf("a Flush when nothing is recorded returns %v", err)
	}
}

func TestStartCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := monitor.Start(monitor.Options{Spool: filepath.Join(file, "spool")}); err == nil {
		monitor.Stop()
		t.Error("a spool below a file")
	}
	if err := monitor.Start(monitor.Options{Spool: t.TempDir(), Sample: 2}); err == nil {
		monitor.Stop()
		t.Error("a sample of 2")
	}
	if got := record(newKey(), "", 1, nothing); got != nil {
		t.Error(got)
	}
}

// A second run defines everything again.
func TestRunAfterRun(t *testing.T) {
	key := newKey()
	var ids [2]string
	for i := range ids {
		r := recording(t, monitor.Options{}, func() {
			ids[i] = monitor.RunID()
			record(key, "", i, nothing)
		})
		if c := r.one(t, key); c.args != string(rune('0'+i)) {
			t.Errorf("%+v", c)
		}
	}
	if ids[0] == ids[1] {
		t.Error("two runs have one id")
	}
}

func TestSources(t *testing.T) {
	monitor.Source("example.com/before", "a.go", "package before")
	r := recording(t, monitor.Options{}, func() {
		monitor.Source("example.com/during", "b.go", strings.Repeat("// long\n", 100_000))
	})
	if r.sources["example.com/before/a.go"] != "package before" || len(r.sources["example.com/during/b.go"]) != 800_000 {
		t.Errorf("%d sources", len(r.sources))
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "spool")
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	price(1, "ACME", 1)
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: %v", path, info.Mode())
		}
		files++
		return nil
	})
	if err != nil || files < 5 { // two folders, the lock, definitions, a segment
		t.Errorf("%d files, %v", files, err)
	}
}

// Records that fill many segments are all there, in order within each stream.
func TestManySegments(t *testing.T) {
	key := newKey()
	const calls = 40_000
	r := recording(t, monitor.Options{}, func() {
		onGoroutine(func() {
			for i := 0; i < calls; i++ {
				record(key, "", i, nothing)
			}
		})
	})
	all := r.of(key)
	if len(all) != calls {
		t.Fatalf("%d calls, want %d", len(all), calls)
	}
	for i := 1; i < calls; i++ {
		if all[i].id <= all[i-1].id {
			t.Fatalf("call %d comes after call %d", all[i].id, all[i-1].id)
		}
	}
}

// segments returns the paths of a lane's segments in a spool of one run.
func segments(t testing.TB, spool string, lane wire.Lane) (paths []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(spool, "*", "*"+wire.SegmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if l, _, _, ok := wire.ParseSegmentName(filepath.Base(path)); ok && l == lane {
			paths = append(paths, path)
		}
	}
	return paths
}

// A full lane takes calls again when somebody has drained it, and the counts of
// what it did not take are written without being asked for.
func TestDropAndRecover(t *testing.T) {
	key, again := newKey(), newKey()
	dir := t.TempDir()
	const bound = 256 << 10
	if err := monitor.Start(monitor.Options{Spool: dir, SpoolMax: bound}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	taken := 0
	for calls := 0; monitor.Stats().Dropped == 0; calls++ {
		if calls > 100_000 {
			t.Fatal("the lane does not get full")
		}
		record(key, "", calls, nothing)
		taken = calls
	}
	if err := record(key, "", 0, func() error { return errNegative }); err != errNegative {
		t.Errorf("the function returned %v", err)
	}
	var size int64
	full := segments(t, dir, wire.LaneNormal)
	for _, path := range full {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > bound || size < bound/2 {
		t.Errorf("%d bytes of segments, the bound is %d", size, bound)
	}
	if got := len(readRun(t, dir).of(key)); got != taken+1 {
		t.Errorf("%d calls before the first that was dropped, and an error, want %d", got, taken+1)
	}
	for _, path := range full {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for monitor.Stats().Calls == uint64(taken) {
		record(again, "", 1, nothing)
	}
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	r := readRun(t, dir)
	if len(r.of(again)) != 1 || r.drops[key] == 0 {
		t.Errorf("%d calls after draining, %d drops", len(r.of(again)), r.drops[key])
	}
}

// With Wait, nothing is dropped: callers go on when somebody drains.
func TestWait(t *testing.T) {
	key := newKey()
	const calls, goroutines = 3000, 4
	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir, SpoolMax: 128 << 10, Overflow: monitor.Wait}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	var done atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		var wg sync.WaitGroup
		for i := 0; i < goroutines; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := 0; n < calls; n++ {
					record(key, "", n, nothing)
				}
			}()
		}
		wg.Wait()
		done.Store(true)
	}()
	for !done.Load() { // a drainer that takes what is complete
		for _, path := range segments(t, dir, wire.LaneNormal) {
			if segmentIsComplete(t, path) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	<-finished
	if st := monitor.Stats(); st.Calls != calls*goroutines || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
}

// segmentIsComplete tells whether a later segment of the stream exists.
func segmentIsComplete(t testing.TB, path string) bool {
	lane, shard, number, ok := wire.ParseSegmentName(filepath.Base(path))
	if !ok {
		t.Fatalf("%s: not a segment", path)
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), wire.SegmentName(lane, shard, number+1)))
	return err == nil
}

// A program goes on when its spool is taken away.
func TestSpoolIsRemoved(t *testing.T) {
	quiet(t)
	key := newKey()
	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	record(key, "", 1, nothing)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 20_000; i++ {
		if err := record(key, "", i, func() error { return errNegative }); err != errNegative {
			t.Fatal(err)
		}
		record(key, "", i, nothing)
	}
	st := monitor.Stats()
	if st.Dropped == 0 || st.Pending == 0 {
		t.Errorf("%+v", st)
	}
	if err := monitor.Stop(); err == nil {
		t.Error("Stop does not say that failed calls are lost")
	}
}

// A segment that is cut off underneath does not end the program, and recording
// goes on in the next one.
func TestSegmentIsTruncated(t *testing.T) {
	key, after := newKey(), newKey()
	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	record(key, "", 1, nothing)
	for _, path := range segments(t, dir, wire.LaneNormal) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	record(after, "", 2, nothing)
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range segments(t, dir, wire.LaneNormal) {
		if info, err := os.Stat(path); err == nil && info.Size() == 0 {
			os.Remove(path)
		}
	}
	if c := readRun(t, dir).one(t, after); c.args != "2" {
		t.Errorf("%+v", c)
	}
}

// quiet sends standard error, where the recorder warns, elsewhere for a test.
func quiet(t *testing.T) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stderr
	os.Stderr = null
	t.Cleanup(func() {
		os.Stderr = was
		null.Close()
	})
}

// TestRecycle drains as a drainer does: segments that it frees are used again,
// what they held is not read a second time, and the folder does not grow.
func TestRecycle(t *testing.T) {
	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir, SpoolMax: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	key := newKey()
	seen := make(map[string]int)
	drain := func() {
		for _, lane := range []wire.Lane{wire.LaneNormal, wire.LaneError} {
			for _, path := range segments(t, dir, lane) {
				if !segmentIsComplete(t, path) {
					continue
				}
				for _, c := range readRunFiles(t, append(segments(t, dir, wire.LaneDefinition), path)).of(key) {
					seen[c.args]++
				}
				_, shard, number, _ := wire.ParseSegmentName(filepath.Base(path))
				if err := os.Rename(path, filepath.Join(filepath.Dir(path), wire.FreeName(lane, shard, number))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	const calls = 200_000
	files, most := make(map[string]bool), 0
	for i := 0; i < calls; i++ {
		record(key, "", i, func() error {
			if i%100 == 0 {
				return errNegative
			}
			return nil
		})
		if i%500 == 0 {
			drain()
			all, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
			for _, path := range all {
				files[path] = true
			}
			most = max(most, len(all))
		}
	}
	if d := monitor.Stats().Dropped; d != 0 {
		t.Errorf("%d calls dropped", d)
	}
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, c := range readRun(t, dir).of(key) {
		seen[c.args]++
	}
	for i := 0; i < calls; i++ {
		if n := seen[strconv.Itoa(i)]; n != 1 {
			t.Fatalf("call %d is there %d times", i, n)
		}
	}
	if len(files) < 3*most {
		t.Errorf("%d segment names, %d files at once: the test does not recycle", len(files), most)
	}
}

// What has become of the records is in the spool, for those who look at the
// database: how many there were, and that the lane came near its bound.
func TestLaneReports(t *testing.T) {
	key := newKey()
	var st monitor.Statistics
	r := recording(t, monitor.Options{SpoolMax: 512 << 10}, func() {
		for n := 0; monitor.Stats().Dropped == 0; n++ {
			record(key, "", n, nothing)
			if n%100 == 0 {
				record(key, "", n, func() error { return errNegative })
			}
		}
		if err := monitor.Flush(); err != nil {
			t.Fatal(err)
		}
		st = monitor.Stats()
	})
	normal, failed := r.lanes[wire.LaneNormal], r.lanes[wire.LaneError]
	if normal.enqueued != st.Normal.Enqueued || normal.overflowed != st.Normal.Overflowed || normal.dropped != st.Dropped || normal.dropped == 0 ||
		normal.bytes != st.Normal.Bytes || normal.warnings != 1 || normal.bound != 512<<10 || normal.used <= normal.bound*8/10 {
		t.Errorf("the normal lane's report is %+v, and the statistics are %+v", normal, st)
	}
	if failed.enqueued < st.Errors || failed.overflowed != 0 || failed.bytes == 0 || failed.warnings != 0 {
		t.Errorf("the error lane's report is %+v, and the statistics are %+v", failed, st)
	}
	if got := len(r.of(key)); uint64(got) != st.Calls+st.Errors {
		t.Errorf("%d calls in the spool: %+v", got, st)
	}
}

// A run in which nothing overflows makes no segment for its reports alone.
func TestNoSegmentForReports(t *testing.T) {
	dir := t.TempDir()
	if err := monitor.Start(monitor.Options{Spool: dir}); err != nil {
		t.Fatal(err)
	}
	defer monitor.Stop()
	record(newKey(), "", 1, nothing)
	if err := monitor.Flush(); err != nil {
		t.Fatal(err)
	}
	if st := monitor.Stats(); st.Calls != 1 || st.Errors != 0 {
		t.Errorf("%+v", st)
	}
	if err := monitor.Stop(); err != nil {
		t.Fatal(err)
	}
	if made := segments(t, dir, wire.LaneError); len(made) > 0 {
		t.Errorf("made for nothing: %v", made)
	}
	if r := readRun(t, dir); len(r.lanes) != 2 || len(r.calls) != 1 {
		t.Errorf("reports of %d lanes, %d calls", len(r.lanes), len(r.calls))
	}
}
