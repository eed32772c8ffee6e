//go:build unix

package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/monitorgen/monitorgen/internal/manifest"
	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink"
)

// orderKey is the key of order, as a generator would choose it.
const orderKey = 0x5eed0001

var orderPackage = func() string {
	text, err := (&manifest.Package{Path: "example.com/shop", Name: "shop", Functions: []manifest.Function{{
		Key: orderKey, Name: "order", Process: "shop.order", Group: "example.com/shop", File: "shop.go", Signature: "func order(n int) (err error)",
		Data: []manifest.Datum{{Name: "n", Type: "int"}, {Name: "err", Type: "error", Output: true}},
	}}}).Encode()
	if err != nil {
		panic(err)
	}
	return text
}()

func monitorOrder(n int) (c monitor.Call) {
	if e := c.Enter(orderKey, orderPackage, ""); e != nil {
		e.Int(int64(n))
	}
	return
}

func monitorOrderEnd(c monitor.Call, err *error) {
	if c.End(0) {
		if *err != nil {
			c.Fail(*err)
		}
		if e := c.Results(); e != nil {
			e.Error(*err)
		}
		c.Commit()
	}
}

// order fails for every fifth n.
func order(n int) (err error) {
	defer monitorOrderEnd(monitorOrder(n), &err)
	if n%5 == 0 {
		return errors.New("sold out")
	}
	return nil
}

// runShop is an instrumented program: four goroutines order, and say on
// standard output which orders are through, until the process is killed.
func runShop() {
	monitor.Source("example.com/shop", "shop.go", "package shop\n\nfunc order(n int) (err error) {\n\treturn nil\n}\n")
	var out sync.Mutex
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for n := g + 1; ; n += 4 {
				order(n)
				out.Lock()
				_, err := fmt.Println(n)
				out.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// A program is killed in the middle of its work: what it had done by then is in
// the database, each call once, whether it was drained before or after.
func TestKilledProgram(t *testing.T) {
	for name, drainEarly := range map[string]bool{"drained while it runs": true, "drained afterwards": false} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.db")
			folder := sink.SpoolOf(path)
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			s := openStore(t, path)
			acknowledged := killShop(t, folder, 3000, func() {
				if drainEarly {
					drainOnce(t, folder, s)
				}
			})
			for range 2 {
				drainOnce(t, folder, s)
			}
			db := reader(t, path)
			var stored []int
			for _, row := range query(t, db, "SELECT data_value FROM data_trace WHERE data = 'n'") {
				n, err := strconv.Atoi(row[0])
				if err != nil {
					t.Fatal(err)
				}
				stored = append(stored, n)
			}
			slices.Sort(stored)
			if d := duplicates(stored); len(d) > 0 {
				t.Errorf("stored twice: %v", d)
			}
			for _, n := range acknowledged {
				if _, ok := slices.BinarySearch(stored, n); !ok {
					t.Errorf("call %d of %d is lost", n, len(acknowledged))
				}
			}
			wantRows(t, db, "SELECT count(*) FROM process_trace WHERE (status = 'ERR') <> (coalesce(exception, '') = 'sold out')", []string{"0"})
			wantRows(t, db, "SELECT process, line, source FROM functions",
				[]string{"shop.order", "3", "func order(n int) (err error) {\n\treturn nil\n}"})
			wantRows(t, db, "SELECT count(*), count(ended) FROM runs WHERE pid > 0 AND started > '2020'", []string{"1", "1"})
			wantRows(t, db, "SELECT count(*) FROM sink_stats WHERE name IN ('duplicates', 'quarantined')", []string{"0"})
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left in the spool: %v, %v", left, err)
			}
		})
	}
}

// killShop runs the program until it has said that so many calls are through,
// calls midway at half of them, and returns all that it said.
func killShop(t *testing.T, folder string, calls int, midway func()) (acknowledged []int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "MONITORGEN_TEST_SHOP=1", "MONITOR_SPOOL="+folder, "MONITOR=on")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // the last line may be cut by the kill
		}
		acknowledged = append(acknowledged, n)
		switch len(acknowledged) {
		case calls / 2:
			midway()
		case calls:
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	child.Wait()
	if len(acknowledged) < calls {
		t.Fatalf("the program ended after %d calls", len(acknowledged))
	}
	return acknowledged
}

func duplicates(sorted []int) (twice []int) {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			twice = append(twice, sorted[i])
		}
	}
	return twice
}

// The whole way within one process.
func TestInProcess(t *testing.T) {
	t.Setenv("MONITOR_SPOOL", "")
	t.Setenv("MONITOR", "")
	path := filepath.Join(t.TempDir(), "m.db")
	s, err := Start(context.Background(), path, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := reader(t, path)
	for n := 1; n <= 3; n++ {
		order(n)
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantRows(t, db, "SELECT count(*) FROM process_trace", []string{fmt.Sprint(n)})
	}
	order(5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	order(6) // after the end: not recorded, and no harm
	wantRows(t, db, "SELECT status, count(*) FROM process_trace GROUP BY status", []string{"ERR", "1"}, []string{"OK", "3"})
	wantRows(t, db, "SELECT count(*), count(ended) FROM runs", []string{"1", "1"})
	if left, err := os.ReadDir(sink.SpoolOf(path)); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
}
