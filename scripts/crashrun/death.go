//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// death is one death of the victim.
type death struct {
	way
	binaries
	random *rand.Rand
	dir    string // its own

	acknowledged []int
}

// errNotHere says that this machine does not allow a way of dying.
var errNotHere = errors.New("not possible on this machine")

// mostNumbers is how many numbers the victim acknowledges before it dies, at most; by
// then it has been round its segments several times when somebody drains them.
const mostNumbers = 8000

// laneSize is the normal lane of the victim: small, so that segments are freed
// and used again all the time.
const laneSize = "1MiB"

func (d *death) database() string { return filepath.Join(d.dir, "monitor.db") }

func (d *death) spool() string { return d.database() + "-spool" }

func (d *death) run(ctx context.Context, t *tally) error {
	if err := os.MkdirAll(d.spool(), 0o700); err != nil {
		return err
	}
	stop, err := d.startDrainer(ctx)
	if err != nil {
		return err
	}
	err = d.liveAndDie(ctx)
	t.reused += d.reused()
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	t.deaths++
	t.acknowledged += len(d.acknowledged)
	for range 2 { // the second one has to add nothing
		if out, err := exec.CommandContext(ctx, d.tool, "recover", "-spool", d.spool(), d.database()).CombinedOutput(); err != nil {
			return fmt.Errorf("monitorgen recover: %w\n%s", err, out)
		} else if bytes.Contains(out, []byte("damaged")) || bytes.Contains(out, []byte("not kept")) {
			return fmt.Errorf("monitorgen recover says: %s", out)
		}
	}
	if left, err := os.ReadDir(d.spool()); err != nil || len(left) > 0 {
		return fmt.Errorf("left in the spool: %v, %v", left, err)
	}
	return d.check(ctx, t)
}

// liveAndDie starts the victim, reads what it acknowledges, and has it killed at
// a random moment if it does not die by itself.
func (d *death) liveAndDie(ctx context.Context) error {
	moment := 1 + d.random.IntN(mostNumbers)
	cmd, release, err := d.command(ctx, moment)
	if err != nil {
		return err
	}
	defer release()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what was not finished is not acknowledged
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			continue // the victim's last words
		}
		if d.acknowledged = append(d.acknowledged, n); len(d.acknowledged) == moment && d.signal != nil {
			if err := d.kill(cmd); err != nil {
				return err
			}
		}
	}
	io.Copy(io.Discard, out)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != d.code {
		return fmt.Errorf("the exit code is %d, want %d:\n%s", code, d.code, stderr.Bytes())
	}
	if !strings.Contains(stderr.String(), d.says) {
		return fmt.Errorf("standard error does not have %q:\n%s", d.says, stderr.Bytes())
	}
	return nil
}

// command is what starts the victim.
func (d *death) command(ctx context.Context, moment int) (cmd *exec.Cmd, release func(), err error) {
	args := []string{d.victim, "be killed", strconv.Itoa(moment)}
	if d.argument != "" {
		args[1] = d.argument
	}
	environ := append(os.Environ(), "MONITOR_SPOOL_MAX="+laneSize, "MONITOR_OVERFLOW=wait")
	switch d.drained {
	case byItself:
		args[0] = d.sink
		environ = append(environ, "MONITOR_DB="+d.database(), "MONITOR_SPOOL=")
	case byRun:
		args = append([]string{d.tool, "run", "-db", d.database(), "./scripts/crashrun/victim"}, args[1:]...)
	case byNobody:
		environ = append(environ, "MONITOR_SPOOL="+d.spool(), "MONITOR_SPOOL_MAX=64MiB")
	default:
		environ = append(environ, "MONITOR_SPOOL="+d.spool())
	}
	release = func() {}
	if d.memory {
		if args, release, err = withLittleMemory(args); err != nil {
			return nil, nil, err
		}
	}
	cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = environ
	if d.drained == byRun {
		apart(cmd)
	}
	return cmd, release, nil
}
