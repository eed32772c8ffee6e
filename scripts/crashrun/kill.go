//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"syscall"
)

// apart makes a command the first of a group of processes, which can be killed
// at once: monitorgen run, the go command, and the victim.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// kill sends the signal of the way of dying to the victim.
func (d *death) kill(cmd *exec.Cmd) error {
	if d.drained == byRun {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill the group: %w", err)
		}
		return nil
	}
	return cmd.Process.Signal(d.signal)
}
