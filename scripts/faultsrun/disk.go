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

// disk mounts a file system of its own of so many MiB and has the database there.
func (t *trial) disk(mib int) (string, error) {
	dir := filepath.Join(t.dir, "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=700", mib), "tmpfs", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: no file system can be mounted: %s", errNotHere, strings.TrimSpace(string(out)))
	}
	t.cleanup = append(t.cleanup, func() { exec.Command("umount", "-l", dir).Run() })
	t.db = filepath.Join(dir, "m.db")
	return dir, nil
}

// fill takes all room of a disk; release gives it back.
func fill(dir string) (release func() error, err error) {
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				return nil, err
			}
			block = block[:len(block)/2]
		}
	}
	return func() error { return os.Remove(path) }, nil
}

func fullDiskOfDatabase(t *trial) error {
	disk, err := t.disk(256)
	if err != nil {
		return err
	}
	v, err := t.spooled()
	if err != nil {
		return err
	}
	a, err := t.agent()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.until("the first calls are stored", func() bool { return count(t.db) > 0 })); err != nil {
		return err
	}
	release, err := fill(disk)
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(many), t.says(a, "state=OPEN"), v.call(some), release()); err != nil {
		return err
	}
	if err := errors.Join(t.says(a, "state=CLOSED"), v.call(some), v.end(), a.stop(), t.recover()); err != nil {
		return err
	}
	return t.complete(1, v.made)
}

func fullDiskOfBoth(t *trial) error {
	disk, err := t.disk(48)
	if err != nil {
		return err
	}
	t.spool = t.db + "-spool"
	v, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.until("the first calls are stored", func() bool { return count(t.db) > 0 })); err != nil {
		return err
	}
	release, err := fill(disk)
	if err != nil {
		return err
	}
	// Of failed calls the disk does not take, memory keeps a bounded number.
	if err := errors.Join(v.call(some), v.call(some), release(), v.call(some)); err != nil {
		return err
	}
	if err := errors.Join(t.until("calls are stored again", func() bool { _, failed, _, err := stored(t.db); return err == nil && failed[v.made] > 0 }),
		v.end(), t.recover()); err != nil {
		return err
	}
	return t.complete(1, v.made)
}

// readOnly starts an agent whose database is on a disk that cannot be written.
func readOnly(t *trial) error {
	disk, err := t.disk(32)
	if err != nil {
		return err
	}
	v, err := t.spooled()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.agentOnce()); err != nil {
		return err
	}
	remount := func(how string) error {
		if out, err := exec.Command("mount", "-o", "remount,"+how, disk).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: remount: %s", errNotHere, out)
		}
		return nil
	}
	if err := remount("ro"); err != nil {
		return err
	}
	a, err := t.agent()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.says(a, "state=OPEN"), remount("rw"), t.says(a, "state=CLOSED"), v.call(some), v.end(), a.stop(), t.recover()); err != nil {
		return err
	}
	return t.complete(1, v.made)
}
