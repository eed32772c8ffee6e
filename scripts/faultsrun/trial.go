//go:build unix

package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// trial is one fault, in a folder of its own.
type trial struct {
	binaries
	ctx   context.Context
	dir   string
	short bool
	db    string // the database
	spool string
	found string // what is said of a trial that went well

	cleanup []func()
}

func (t *trial) run(f fault) (err error) {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	t.db = filepath.Join(t.dir, "m.db")
	t.spool = t.db + "-spool"
	defer func() {
		for i := len(t.cleanup) - 1; i >= 0; i-- {
			t.cleanup[i]()
		}
	}()
	return f.inject(t)
}

// victim is a running victim.
type victim struct {
	*process
	in   io.WriteCloser
	out  *bufio.Reader
	made int
}

// process is a running process whose standard error is kept.
type process struct {
	cmd  *exec.Cmd
	says string // path of its standard error
}

func (t *trial) start(out bool, env []string, args ...string) (*process, io.WriteCloser, *bufio.Reader, error) {
	says, err := os.CreateTemp(t.dir, "says-*")
	if err != nil {
		return nil, nil, nil, err
	}
	defer says.Close()
	p := &process{cmd: exec.Command(args[0], args[1:]...), says: says.Name()}
	p.cmd.Dir, p.cmd.Stderr = t.dir, says
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "MONITOR") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	var in io.WriteCloser
	var from *bufio.Reader
	if out {
		pipe, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, nil, nil, err
		}
		from = bufio.NewReader(pipe)
		if in, err = p.cmd.StdinPipe(); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, nil, err
	}
	t.cleanup = append(t.cleanup, func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	return p, in, from, nil
}

// inProcess starts a victim that stores its calls itself.
func (t *trial) inProcess() (*victim, error) {
	p, in, out, err := t.start(true, []string{"MONITOR_DB=" + t.db}, t.sink)
	return &victim{process: p, in: in, out: out}, err
}

// spooled starts a victim that leaves its calls in the spool.
func (t *trial) spooled() (*victim, error) {
	p, in, out, err := t.start(true, []string{"MONITOR_SPOOL=" + t.spool}, t.binaries.victim)
	return &victim{process: p, in: in, out: out}, err
}

// agent starts an agent that drains the spool into the database; wrapped is what
// it runs under.
func (t *trial) agent(wrapped ...string) (*process, error) {
	args := append(wrapped, t.tool, "agent", "-db", t.db, "-spool", t.spool, "-retry", "300ms", "-batch", "500")
	p, _, _, err := t.start(false, nil, args...)
	return p, err
}

// call has the victim make calls.
func (v *victim) call(n int) error {
	v.made += n
	if _, err := fmt.Fprintln(v.in, n); err != nil {
		return fmt.Errorf("the program noticed: %w", err)
	}
	line, err := v.out.ReadString('\n')
	if err != nil || line != fmt.Sprintln(v.made) {
		return fmt.Errorf("the program noticed: it said %q, not %d (%w)", line, v.made, errors.Join(err))
	}
	return nil
}

// end has the victim return from main. What it wrote to standard error may be of
// monitorgen alone.
func (v *victim) end() error {
	v.in.Close()
	if err := v.cmd.Wait(); err != nil {
		return fmt.Errorf("the program noticed: %w: %s", err, v.text())
	}
	for line := range strings.Lines(v.text()) {
		if !strings.HasPrefix(line, "monitorgen: ") {
			return fmt.Errorf("the program noticed: %s", line)
		}
	}
	return nil
}

// text is what a process has written to standard error so far.
func (p *process) text() string {
	text, _ := os.ReadFile(p.says)
	return string(text)
}

// stop ends an agent as systemd does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the agent: %w: %s", err, p.text())
	}
	return nil
}

// recover brings in what is left in the spool; nothing may be left after that.
func (t *trial) recover() error {
	if _, err := os.Stat(t.spool); errors.Is(err, fs.ErrNotExist) {
		return nil // an agent has taken the folder that it made away
	}
	out, err := exec.CommandContext(t.ctx, t.tool, "recover", "-spool", t.spool, t.db).CombinedOutput()
	if err != nil {
		return fmt.Errorf("recover: %w: %s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(t.spool, "*", "*"))
	if err != nil || len(left) > 0 {
		return fmt.Errorf("left in the spool: %q, %w", left, err)
	}
	return nil
}

// patience is how long a condition may take to come true.
const patience = time.Minute

// until waits for a condition.
func (t *trial) until(what string, holds func() bool) error {
	for began := time.Now(); !holds(); time.Sleep(10 * time.Millisecond) {
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if time.Since(began) > patience {
			return fmt.Errorf("in vain: %s", what)
		}
	}
	return nil
}

// stored returns how often each number is in a database, failed ones apart, and
// how many calls are counted as dropped.
func stored(path string) (good, failed map[int]int, dropped int, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, nil, 0, err
	}
	defer db.Close()
	good, failed = map[int]int{}, map[int]int{}
	rows, err := db.Query("SELECT c.data ->> '$[0]', c.status FROM calls c JOIN functions USING (function_id) WHERE name = 'price'")
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var n, status int
		if err := rows.Scan(&n, &status); err != nil {
			return nil, nil, 0, err
		}
		if status == 0 {
			good[n]++
		} else {
			failed[n]++
		}
	}
	if err := errors.Join(rows.Err(), db.QueryRow("SELECT total(dropped) FROM drops").Scan(&dropped)); err != nil {
		return nil, nil, 0, err
	}
	return good, failed, dropped, integrity(db)
}

// count is how many calls there are; 0 while there is no database.
func count(path string) int {
	good, failed, _, err := stored(path)
	if err != nil {
		return 0
	}
	return len(good) + len(failed)
}

func integrity(db *sql.DB) error {
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return fmt.Errorf("integrity_check: %s, %w", verdict, err)
	}
	return nil
}

// complete checks that the numbers from first to last are in the database: failed
// ones each once, the others once or counted as dropped.
func (t *trial) complete(first, last int) error {
	good, failed, dropped, err := stored(t.db)
	if err != nil {
		return err
	}
	missing := 0
	for n := first; n <= last; n++ {
		switch {
		case n%3 == 0 && failed[n] != 1:
			return fmt.Errorf("failed call %d is there %d times", n, failed[n])
		case n%3 != 0 && good[n] > 1:
			return fmt.Errorf("call %d is there %d times", n, good[n])
		case n%3 != 0 && good[n] == 0:
			missing++
		}
	}
	if missing > dropped {
		return fmt.Errorf("%d calls are missing, %d are counted as dropped", missing, dropped)
	}
	t.found = fmt.Sprintf("%d calls, %d of them failed; %d dropped", len(good)+len(failed), len(failed), dropped)
	return nil
}
