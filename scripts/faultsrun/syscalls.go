//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// needs returns errNotHere where a program is missing.
func needs(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w: no %s", errNotHere, program)
	}
	return nil
}

// failing has system calls of an agent on the database fail, or take long. The
// calls that fail are so many, counted from one on in each thread of the agent.
func failing(calls, how, when string) func(t *trial) error {
	return func(t *trial) error {
		if err := needs("strace"); err != nil {
			return err
		}
		v, err := t.spooled()
		if err != nil {
			return err
		}
		if err := errors.Join(v.call(some), t.agentOnce()); err != nil {
			return err
		}
		trace := filepath.Join(t.dir, "trace")
		a, err := t.agent("strace", "-D", "-f", "-qq", "-o", trace, "-P", t.db, "-P", t.db+"-wal",
			"-e", "trace="+calls, "-e", "inject="+calls+":"+how+":"+when, "--")
		if err != nil {
			return err
		}
		if err := errors.Join(v.call(some), v.call(some), t.until("calls are stored", func() bool {
			_, failed, _, err := stored(t.db)
			return err == nil && failed[v.made-v.made%3] > 0
		}), v.end()); err != nil {
			return err
		}
		a.stop() // it may say that its last pass has failed, too
		if err := t.recover(); err != nil {
			return err
		}
		injected, err := os.ReadFile(trace)
		if n := strings.Count(string(injected), "(INJECTED)") + strings.Count(string(injected), "(DELAYED)"); err != nil || n == 0 {
			return fmt.Errorf("nothing was injected, %w", err)
		} else if err := t.complete(1, v.made); err != nil {
			return err
		} else {
			t.found += fmt.Sprintf("; %d system calls", n)
		}
		return nil
	}
}

// killedAtWrite kills an agent at its first, second, fourth... write to the
// database, each time before the write is done.
func killedAtWrite(t *trial) error {
	if err := needs("strace"); err != nil {
		return err
	}
	v, err := t.spooled()
	if err != nil {
		return err
	}
	kills := 0
	for n := 1; n < 3000; n = n*3/2 + 1 {
		if err := v.call(some); err != nil {
			return err
		}
		cmd := exec.CommandContext(t.ctx, "strace", "-D", "-f", "-qq", "-o", filepath.Join(t.dir, "trace"), "-P", t.db, "-P", t.db+"-wal",
			"-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:signal=KILL:when=%d", n), "--",
			t.tool, "agent", "-once", "-db", t.db, "-spool", t.spool, "-batch", "500")
		cmd.Run()
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			kills++
		}
	}
	if kills == 0 {
		return errors.New("nothing was killed")
	}
	if err := errors.Join(v.end(), t.recover()); err != nil {
		return err
	}
	err = t.complete(1, v.made)
	t.found += fmt.Sprintf("; %d kills", kills)
	return err
}
