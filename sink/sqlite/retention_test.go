//go:build unix

package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// service is a Store whose clock is the test's, and a run that writes into it.
type service struct {
	*Store
	t    *testing.T
	path string
	now  time.Time
	run  sink.RunID
	next uint64
	work *spool.Function
}

func newService(t *testing.T, o Options) *service {
	t.Helper()
	s := &service{t: t, path: filepath.Join(t.TempDir(), "m.db"), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), next: 1,
		work: &spool.Function{Process: "work", Digest: [32]byte{1}}}
	o.Now = func() time.Time { return s.now }
	var err error
	if s.Store, err = OpenWith(context.Background(), s.path, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.run = knownRun(t, s.Store, "a")
	return s
}

// write stores n calls that end now, of which one in ten fails.
func (s *service) write(n int, data string) {
	s.t.Helper()
	b := &sink.Batch{Run: s.run}
	for range n {
		c := spool.Call{ID: s.next, Trace: s.next, Function: s.work, Start: s.now.UnixNano() - 5, Duration: 5, Data: data}
		if s.next%10 == 0 {
			c.Flags, c.Exception, c.Stack = wire.FlagError, "failed", &spool.Stack{Text: data, Digest: [32]byte{byte(s.next / 10)}}
		}
		b.Calls = append(b.Calls, c)
		s.next++
	}
	if err := s.Write(context.Background(), b); err != nil {
		s.t.Fatal(err)
	}
}

// maintain does all that is due.
func (s *service) maintain() error {
	for {
		if more, err := s.Maintain(context.Background()); err != nil || !more {
			return err
		}
	}
}

func TestExpiredCallsGo(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: 2 * time.Hour, Rollups: 5 * time.Hour}})
	const secret = "the-value-that-is-to-be-gone"
	s.write(300, `["`+secret+`"]`)
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM error_stacks", []string{"30"})
	for range 16 { // a quarter of an hour each
		s.now = s.now.Add(15 * time.Minute)
		s.write(100, `["later"]`)
		if err := s.maintain(); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, db, fmt.Sprintf("SELECT min(start_ns) >= %[1]d, count(*) FROM calls", s.now.Add(-2*time.Hour).UnixNano()-5), []string{"1", "900"})
	wantRows(t, db, "SELECT count(*) FROM error_stacks", []string{"90"})
	wantRows(t, db, "SELECT count(*) FROM monitor_stacks WHERE text LIKE '%gone%'", []string{"0"})
	wantRows(t, db, "SELECT count(*) FROM sqlite_schema WHERE tbl_name GLOB 'calls_*' AND tbl_name NOT IN (SELECT printf('calls_%06d', number) FROM monitor_partitions)", []string{"0"})
	wantRows(t, db, "SELECT sum(calls) FROM rollups WHERE seconds = 60", []string{"1900"})
	wantRows(t, db, "SELECT sum(calls) FROM rollups WHERE seconds = 10", []string{"800"})
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
	for _, file := range []string{s.path, s.path + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(content, []byte(secret)); n > 0 {
			t.Errorf("%s still has what has expired, %d times", filepath.Base(file), n)
		}
	}
	s.now = s.now.Add(5 * time.Hour)
	if err := s.maintain(); err != nil { // nothing is written any more
		t.Fatal(err)
	}
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"0"})
	wantRows(t, db, "SELECT count(*) FROM monitor_partitions", []string{"1"})
	wantRows(t, db, "SELECT count(*) FROM rollups", []string{"0"})
	wantRows(t, db, "SELECT count(*) FROM edges", []string{"0"})
}

func TestFileSizeIsFlat(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: time.Hour, Rollups: time.Hour}})
	var sizes []int64
	for range 40 {
		for range 5 {
			s.now = s.now.Add(5 * time.Minute)
			s.write(500, `["a value of some length, so that pages fill"]`)
			if err := s.maintain(); err != nil {
				t.Fatal(err)
			}
		}
		used, free, err := s.sizes(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, used+free)
	}
	if first, last := sizes[9], sizes[39]; last > first+first/10 {
		t.Errorf("the file grows: %v", sizes)
	}
}

func TestSizeBound(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: -1, Size: 1 << 20}})
	s.perTable = 1_000
	for range 60 {
		s.now = s.now.Add(time.Minute)
		s.write(500, `["a value of some length, so that pages fill"]`)
		if err := s.maintain(); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := s.Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if going, _ := plan.Going(); plan.Used > 1<<20 || plan.Used < 1<<19 || len(going) > 0 {
		t.Errorf("%d bytes used, %d partitions go", plan.Used, len(going))
	}
	db := reader(t, s.path)
	wantRows(t, db, "SELECT max(id) & 1099511627775 FROM calls", []string{"30000"})
}

// archive is an Archiver that fails as long as it has an error.
type archive struct {
	t    *testing.T
	fail error
	seen []Expired
}

func (a *archive) Archive(_ context.Context, p Expired) error {
	a.seen = append(a.seen, p)
	db := reader(a.t, p.Path)
	wantRows(a.t, db, "SELECT count(*) FROM "+p.Table, []string{fmt.Sprint(p.Rows)})
	return a.fail
}

func TestArchiverKeepsWhatItCannotTake(t *testing.T) {
	a := &archive{t: t, fail: errors.New("no bucket")}
	s := newService(t, Options{Retention: Retention{Age: time.Hour}, Archiver: a})
	s.write(20, "[1]")
	first := s.now
	s.now = s.now.Add(30 * time.Minute)
	s.write(20, "[2]")
	s.now = s.now.Add(45 * time.Minute)
	var tried []int
	for range 8 {
		if err := s.maintain(); err != nil && !errors.Is(err, a.fail) {
			t.Fatal(err)
		}
		tried = append(tried, len(a.seen))
		s.now = s.now.Add(time.Minute)
	}
	if want := []int{1, 2, 2, 3, 3, 3, 3, 4}; !reflect.DeepEqual(tried, want) {
		t.Errorf("tried %v times at each minute, want %v", tried, want)
	}
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"40"})
	want := Expired{Path: s.path, Table: "calls_000001", Number: 1, Rows: 20, First: first.Add(-5), Last: first, Reason: ReasonAge}
	if a.seen[0] != want {
		t.Errorf("given %+v, want %+v", a.seen[0], want)
	}
	a.fail = nil
	gone, err := s.Retain(context.Background())
	if err != nil || gone != (Gone{Partitions: 1, Rows: 20}) {
		t.Errorf("%+v went: %v", gone, err)
	}
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"20"})
}

// Whatever step a process dies at, the next one goes on.
func TestRetentionGoesOnAfterDeath(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: time.Hour}})
	s.write(expireRows+500, "[1]")
	s.now = s.now.Add(10 * time.Minute)
	s.write(10, "[2]")
	s.now = s.now.Add(55 * time.Minute)
	s.expiry.due = time.Time{}
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = s.Maintain(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if s.Store, err = OpenWith(context.Background(), s.path, s.options); err != nil {
			t.Fatal(err)
		}
		s.expiry.due = time.Time{}
	}
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"10"})
	wantRows(t, db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'calls_000001%'", []string{"0"})
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
	if steps < 7 { // three indexes, the mark, three indexes out, rows twice
		t.Errorf("done in %d steps", steps)
	}
}

func TestLogIsBounded(t *testing.T) {
	s := newService(t, Options{})
	s.log.bound = 200
	db := reader(t, s.path)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM calls").Scan(&n); err != nil {
		t.Fatal(err)
	}
	var failed error
	for i := 0; i < 300 && failed == nil; i++ {
		b := &sink.Batch{Run: s.run}
		for range 200 {
			b.Calls = append(b.Calls, spool.Call{ID: s.next, Trace: s.next, Function: s.work, Start: s.now.UnixNano()})
			s.next++
		}
		failed = s.Write(context.Background(), b)
	}
	if !errors.Is(failed, ErrLogFull) {
		t.Fatalf("with a reader in the way: %v", failed)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.write(100, "[1]")
	info, err := os.Stat(s.path + "-wal")
	if err != nil || info.Size() > 400*pageSize {
		t.Errorf("the log takes %d bytes: %v", info.Size(), err)
	}
}

// gate is an Archiver that is not done before it is told.
type gate chan struct{}

func (g gate) Archive(ctx context.Context, p Expired) error {
	select {
	case <-g:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestCallsAreStoredWhileArchiving(t *testing.T) {
	g := make(gate)
	s := newService(t, Options{Retention: Retention{Age: time.Hour}, Archiver: g})
	s.write(50, "[1]")
	s.now = s.now.Add(2 * time.Hour)
	for s.expiry.archiving == nil {
		if more, err := s.Maintain(context.Background()); err != nil || !more {
			t.Fatalf("nothing was archived: %v", err)
		}
	}
	s.write(50, "[2]")
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"100"})
	close(g)
	if err := s.maintain(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"50"})
}

// A Store that is closed does not wait for a slow archive.
func TestCloseEndsArchiving(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: time.Hour}, Archiver: make(gate)})
	s.write(50, "[1]")
	s.now = s.now.Add(2 * time.Hour)
	for s.expiry.archiving == nil {
		if more, err := s.Maintain(context.Background()); err != nil || !more {
			t.Fatalf("nothing was archived: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, reader(t, s.path), "SELECT count(*) FROM calls", []string{"50"})
}

// A clock that was a year ahead and is set right keeps nothing for a year.
func TestClockIsSetBack(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: time.Hour}})
	right := s.now
	s.now = right.AddDate(1, 0, 0)
	s.write(50, "[1]")
	if err := s.maintain(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // a quarter of an hour each
		s.now = right
		right = right.Add(15 * time.Minute)
		s.write(50, "[2]")
		if err := s.maintain(); err != nil {
			t.Fatal(err)
		}
	}
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM calls WHERE data = '[1]'", []string{"0"})
	wantRows(t, db, "SELECT count(*) FROM calls WHERE data = '[2]'", []string{"250"})
}

// A partition that is too large to go at once loses rows first.
func TestLargePartitionGoes(t *testing.T) {
	s := newService(t, Options{Retention: Retention{Age: time.Hour}})
	for range 3 {
		s.write(2*expireRows/3+1, `["`+strings.Repeat("a value of some length ", 50)+`"]`)
	}
	s.now = s.now.Add(3 * time.Hour)
	s.write(1, "[]")
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = s.Maintain(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	db := reader(t, s.path)
	wantRows(t, db, "SELECT count(*) FROM calls", []string{"1"})
	wantRows(t, db, "SELECT number, rows FROM monitor_partitions", []string{"2", "1"})
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
	if want := int64(3 * (2*expireRows/3 + 1)); s.expiry.gone.Rows != want || s.expiry.gone.Partitions != 1 {
		t.Errorf("gone: %+v, want %d rows", s.expiry.gone, want)
	}
}
