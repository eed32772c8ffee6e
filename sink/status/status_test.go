//go:build unix

package status

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestState(t *testing.T) {
	cases := []struct {
		s    Status
		want State
	}{
		{Status{Breaker: Closed}, OK},
		{Status{Breaker: Closed, Behind: time.Unix(1, 0)}, Delayed},
		{Status{Breaker: Open}, CircuitOpen},
		{Status{Breaker: HalfOpen, Behind: time.Unix(1, 0)}, CircuitOpen},
	}
	for _, c := range cases {
		if got := c.s.State(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.s, got, c.want)
		}
	}
}

// The child makes a file and waits to be killed.
func TestMain(m *testing.M) {
	if folder := os.Getenv("MONITORGEN_TEST_STATUS"); folder != "" {
		f, err := Create(folder, Status{PID: os.Getpid(), Breaker: Open})
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString("made\n")
		io.Copy(io.Discard, os.Stdin)
		f.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func read(t *testing.T, folder string, want ...Status) {
	t.Helper()
	got, err := Read(folder)
	if err != nil || !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

func TestFile(t *testing.T) {
	folder := t.TempDir()
	read(t, filepath.Join(folder, "none"))
	first := Status{PID: 7, Host: "h", Breaker: Closed, Started: time.Unix(5, 0).UTC()}
	f, err := Create(folder, first)
	if err != nil {
		t.Fatal(err)
	}
	read(t, folder, first)
	if info, err := os.Stat(f.path); err != nil || info.Mode() != 0o600 || info.Size() != fileSize {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// Text of any kind and length fits, and leaves nothing of what was there before.
	long := Status{Host: strings.Repeat("\x01", 1000), Program: strings.Repeat("é", 1000), Error: strings.Repeat("<", 1000), Breaker: HalfOpen}
	if err := f.Write(long); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(folder); err != nil || len(got) != 1 || !strings.HasPrefix(got[0].Error, "<<<") || !strings.HasSuffix(got[0].Program, "é…") {
		t.Errorf("%+v, %v", got, err)
	}
	if err := f.Write(first); err != nil {
		t.Fatal(err)
	}
	read(t, folder, first)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	read(t, folder)
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// What a killed drainer said counts no more, and the next one takes it away.
func TestKilled(t *testing.T) {
	folder := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "MONITORGEN_TEST_STATUS="+folder)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 5))
	read(t, folder, Status{PID: child.Process.Pid, Breaker: Open})
	child.Process.Signal(syscall.SIGKILL)
	child.Wait()
	read(t, folder)
	f, err := Create(folder, Status{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A file that makes no sense is an error, not a status.
func TestForeignFile(t *testing.T) {
	folder := t.TempDir()
	f, err := Create(folder, Status{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.f.WriteAt([]byte("00000000"), 0)
	if got, err := Read(folder); err == nil || len(got) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
