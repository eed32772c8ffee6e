//go:build unix

// Package autostarttest builds and runs a program that imports autostart. It is a
// package of its own because autostart would make the test itself the program
// that is recorded.
package autostarttest

import (
	"bufio"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"
)

const wantOutput = "order 0\norder 1\norder 2\n"

// shop builds the program and returns how to run it in a folder of its own.
func shop(t *testing.T) func(dir, how string, env ...string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/shop").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(dir, how string, env ...string) *exec.Cmd {
		c := exec.Command(path, how)
		c.Dir = dir
		for _, e := range os.Environ() {
			if !strings.HasPrefix(e, "MONITOR") {
				c.Env = append(c.Env, e)
			}
		}
		c.Env = append(c.Env, env...)
		return c
	}
}

// run runs the command and returns what it wrote.
func run(c *exec.Cmd) (stdout, stderr string, code int) {
	var out, err strings.Builder
	c.Stdout, c.Stderr = &out, &err
	c.Run()
	return out.String(), err.String(), c.ProcessState.ExitCode()
}

func wantCalls(t *testing.T, path string, want int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM process_trace WHERE process = 'shop.order'").Scan(&n); err != nil || n != want {
		t.Errorf("%d calls, want %d (%v)", n, want, err)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("files %v, want %v", names, want)
	}
}

func TestAutostart(t *testing.T) {
	shop := shop(t)
	t.Run("flush, exit and the next start", func(t *testing.T) {
		dir := t.TempDir()
		if stdout, stderr, code := run(shop(dir, "flush")); stdout != wantOutput || stderr != "" || code != 0 {
			t.Errorf("%q, %q, exit code %d", stdout, stderr, code)
		}
		wantCalls(t, filepath.Join(dir, "monitor.db"), 3)
		// What os.Exit leaves in the spool is stored by the next start.
		if stdout, stderr, code := run(shop(dir, "exit")); stdout != wantOutput || stderr != "" || code != 3 {
			t.Errorf("%q, %q, exit code %d", stdout, stderr, code)
		}
		run(shop(dir, "flush"))
		wantCalls(t, filepath.Join(dir, "monitor.db"), 9)
	})
	t.Run("a store in place of the database", func(t *testing.T) {
		dir := t.TempDir()
		var requests atomic.Int64
		receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
		defer receiver.Close()
		if stdout, stderr, code := run(shop(dir, "flush", "MONITOR_STORE=otlp+"+receiver.URL)); stdout != wantOutput || stderr != "" || code != 0 {
			t.Errorf("%q, %q, exit code %d", stdout, stderr, code)
		}
		if requests.Load() == 0 {
			t.Error("nothing was sent")
		}
		wantFiles(t, dir, "monitor.db-spool")
	})
	t.Run("a store that is not linked in", func(t *testing.T) {
		_, stderr, code := run(shop(t.TempDir(), "flush", "MONITOR_STORE=postgres://me:canary@localhost/calls"))
		if !strings.Contains(stderr, "not linked into this program: import _") || strings.Contains(stderr, "canary") || code != 0 {
			t.Errorf("%q, exit code %d", stderr, code)
		}
	})
	t.Run("another database", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "calls.db")
		run(shop(dir, "flush", "MONITOR_DB="+path))
		wantCalls(t, path, 3)
	})
	t.Run("off", func(t *testing.T) {
		dir := t.TempDir()
		if stdout, stderr, code := run(shop(dir, "flush", "MONITOR=off")); stdout != wantOutput || stderr != "" || code != 0 {
			t.Errorf("%q, %q, exit code %d", stdout, stderr, code)
		}
		wantFiles(t, dir)
	})
	t.Run("somebody else drains", func(t *testing.T) {
		dir := t.TempDir()
		if stdout, stderr, code := run(shop(dir, "flush", "MONITOR_SPOOL="+filepath.Join(dir, "spool"))); stdout != wantOutput || stderr != "" || code != 0 {
			t.Errorf("%q, %q, exit code %d", stdout, stderr, code)
		}
		wantFiles(t, dir, "spool")
	})
	t.Run("no place for the database", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "no", "such", "calls.db")
		stdout, stderr, code := run(shop(dir, "flush", "MONITOR_DB="+path))
		if stdout != wantOutput || code != 0 {
			t.Errorf("%q, exit code %d", stdout, code)
		}
		if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "monitorgen: not recording: ") || !strings.Contains(stderr, path) {
			t.Errorf("%q", stderr)
		}
		wantFiles(t, dir)
	})
}

func TestTerminate(t *testing.T) {
	shop := shop(t)
	for _, flush := range []bool{true, false} {
		dir := t.TempDir()
		c := shop(dir, "wait")
		if flush {
			c.Env = append(c.Env, "MONITOR_SIGTERM=flush")
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for line := ""; line != "waiting\n"; {
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		c.Process.Signal(syscall.SIGTERM)
		io.Copy(io.Discard, lines)
		c.Wait()
		if got := c.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGTERM {
			t.Errorf("flush %v: ended by %v", flush, got)
		}
		if flush {
			wantCalls(t, filepath.Join(dir, "monitor.db"), 3)
			left, err := os.ReadDir(filepath.Join(dir, "monitor.db-spool"))
			if err != nil || len(left) > 0 {
				t.Errorf("left in the spool: %v, %v", left, err)
			}
		}
	}
}
