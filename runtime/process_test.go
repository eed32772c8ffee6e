package runtime_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Keys of the children's sites.
const (
	childKey = 1 << 20
	otherKey = 1<<20 + 1
)

func init() {
	children["acknowledge"] = func() {
		out := bufio.NewWriter(os.Stdout)
		for i := 0; ; i++ {
			err := errNegative
			if i%3 > 0 {
				err = nil
			}
			record(childKey, "", i, func() error { return err })
			fmt.Fprintln(out, i)
			out.Flush()
		}
	}
	children["one call"] = func() {
		record(childKey, `process="desk.(*Desk).Price" max=10`, 1, nothing)
		record(childKey, "", 2, func() error { return fmt.Errorf("first line\nsecond") })
		fmt.Println("goroutines", goruntime.NumGoroutine())
	}
	children["no call"] = func() {}
	children["exit"] = func() {
		record(childKey, "", 1, func() error {
			record(otherKey, "", 2, nothing)
			os.Exit(3)
			return nil
		})
	}
}

// child runs this program as one of children.
func child(t testing.TB, name string, env ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childVariable+"="+name), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && name != "exit" {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return out.String(), errs.String()
}

// Whatever a process has acknowledged is in its spool when it is killed.
func TestKill(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	for round := 0; round < rounds; round++ {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"=acknowledge", "MONITOR_SPOOL="+dir)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		acknowledged := -1
		for lines.Scan() {
			if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if acknowledged == 500*(round+1) {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		seen := make(map[string]int)
		for _, c := range readRun(t, dir).of(childKey) {
			seen[c.args]++
		}
		for i := 0; i <= acknowledged; i++ {
			if n := seen[strconv.Itoa(i)]; n != 1 {
				t.Fatalf("call %d of %d acknowledged ones is there %d times", i, acknowledged, n)
			}
		}
	}
}

func TestExitInCall(t *testing.T) {
	dir := t.TempDir()
	child(t, "exit", "MONITOR_SPOOL="+dir)
	r := readRun(t, dir)
	if c := r.one(t, otherKey); c.args != "2" || c.depth != 1 {
		t.Errorf("%+v", c)
	}
	if n := len(r.of(childKey)); n != 0 {
		t.Errorf("%d records of the call that was open", n)
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name    string
		env     []string
		calls   int
		stderr  []string // lines, with what follows a time as ...
		session string
	}{
		{"spool", []string{"MONITOR=on"}, 2, nil, ""},
		{"off", []string{"MONITOR=off"}, -1, nil, ""},
		{"session", []string{"MONITOR_SESSION=s 1"}, 2, nil, "s 1"},
		{"console", []string{"MONITOR_CONSOLE=1"}, 2,
			[]string{"[MONITOR] desk.(*Desk).Price OK", `[MONITOR] desk.(*Desk).Price ERR: first line\nsecond`}, ""},
		{"sample", []string{"MONITOR_SAMPLE=0"}, 1, nil, ""},
		{"bad values", []string{"MONITOR=yes", "MONITOR_SAMPLE=half", "MONITOR_SPOOL_MAX=much", "MONITOR_OVERFLOW=maybe", "MONITOR_CONSOLE=loud"}, 2,
			[]string{`MONITOR="yes"`, `MONITOR_SPOOL_MAX="much"`, `MONITOR_OVERFLOW="maybe"`, `MONITOR_SAMPLE="half"`, `MONITOR_CONSOLE="loud"`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "spool")
			stdout, stderr := child(t, "one call", append(tt.env, "MONITOR_SPOOL="+dir)...)
			if stdout != "goroutines 1\n" {
				t.Errorf("standard output %q", stdout)
			}
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if stderr == "" {
				lines = nil
			}
			if len(lines) != len(tt.stderr) {
				t.Fatalf("standard error:\n%s", stderr)
			}
			for i, line := range lines {
				if strings.HasPrefix(line, "[MONITOR]") {
					fields := strings.SplitN(line, " ", 5)
					line = strings.Join(fields[:3], " ")
					if len(fields) == 5 {
						line += ": " + fields[4]
					}
				} else if line = strings.TrimPrefix(line, "monitorgen: "); strings.HasPrefix(line, tt.stderr[i]+" is not ") {
					continue
				}
				if line != tt.stderr[i] {
					t.Errorf("line %q, want %q", line, tt.stderr[i])
				}
			}
			if tt.calls < 0 {
				if _, err := os.Stat(dir); !os.IsNotExist(err) {
					t.Error("something is in the spool")
				}
				return
			}
			r := readRun(t, dir)
			if len(r.calls) != tt.calls || r.info[wire.RunKeySession][0] != tt.session {
				t.Errorf("%d calls, session %q", len(r.calls), r.info[wire.RunKeySession])
			}
		})
	}
}

// A process that records nothing leaves nothing.
func TestNoCallNoSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if stdout, stderr := child(t, "no call", "MONITOR_SPOOL="+dir); stdout+stderr != "" {
		t.Errorf("it says %q, %q", stdout, stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the spool is there: %v", err)
	}
}

// A spool that cannot be opened is one line, and the program runs.
func TestEnvironmentSpoolCannotBeOpened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := child(t, "one call", "MONITOR_SPOOL="+filepath.Join(file, "spool"))
	if stdout != "goroutines 1\n" || !strings.HasPrefix(stderr, "monitorgen: open the spool: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("it says %q, %q", stdout, stderr)
	}
}
