//go:build unix

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fault is something that goes wrong.
type fault struct {
	name   string
	long   bool // left out by -short
	inject func(t *trial) error
}

var faults = []fault{
	{"full disk, the database's", false, fullDiskOfDatabase},
	{"full disk, the spool's too", false, fullDiskOfBoth},
	{"read-only disk", false, readOnly},
	{"locked by another process", false, locked},
	{"removed", false, whileOpen(func(t *trial) error { return os.Remove(t.db) })},
	{"replaced by another database", false, replaced},
	{"replaced by a file that is none of ours", false, foreign},
	{"truncated", false, whileOpen(func(t *trial) error { return os.Truncate(t.db, 3*8192) })},
	{"damaged page, found at the start", false, damagedPage},
	{"of a newer schema", false, newer},
	{"failing fsync", true, failing("fsync,fdatasync", "error=EIO", "when=1..20")},
	{"EIO when written", true, failing("pwrite64", "error=EIO", "when=5..40")},
	{"EIO when read", true, failing("pread64", "error=EIO", "when=3..20")},
	{"slow disk", true, failing("pwrite64,fsync,fdatasync", "delay_enter=30000", "when=1..400")},
	{"SIGKILL at the Nth write", true, killedAtWrite},
	{"two agents on one database", false, twoAgents},
}

// Numbers of calls: of some segments of a spool.
const (
	some = 3_000
	many = 200_000
)

// needs returns errNotHere where a program is missing.
func needs(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w: no %s", errNotHere, program)
	}
	return nil
}

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

// says waits until a process has written a text to standard error.
func (t *trial) says(p *process, text string) error {
	return t.until("a message with "+text, func() bool { return strings.Contains(p.text(), text) })
}

func fullDiskOfDatabase(t *trial) error {
	disk, err := t.disk(96)
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

// agentOnce drains once.
func (t *trial) agentOnce() error {
	out, err := exec.CommandContext(t.ctx, t.tool, "agent", "-once", "-db", t.db, "-spool", t.spool).CombinedOutput()
	if err != nil {
		return fmt.Errorf("agent -once: %w: %s", err, out)
	}
	return nil
}

// locked has another process keep the database for itself while the program runs.
func locked(t *trial) error {
	v, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.until("the first calls are stored", func() bool { return count(t.db) > 0 })); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+t.db+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	other, err := db.Conn(t.ctx)
	if err != nil {
		return err
	}
	if _, err := other.ExecContext(t.ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// The program runs to its end before the lock goes.
	if err := errors.Join(v.call(some), v.call(some), v.end()); err != nil {
		return err
	}
	if _, err := other.ExecContext(t.ctx, "ROLLBACK"); err != nil {
		return err
	}
	if err := errors.Join(other.Close(), t.recover()); err != nil {
		return err
	}
	return t.complete(1, v.made)
}

// whileOpen ruins the database that a program writes. What comes after that is in
// the file that has its name then.
func whileOpen(ruin func(t *trial) error) func(t *trial) error {
	return func(t *trial) error {
		v, err := t.inProcess()
		if err != nil {
			return err
		}
		if err := errors.Join(v.call(some), t.until("the first calls are stored", func() bool { return count(t.db) == some })); err != nil {
			return err
		}
		if err := ruin(t); err != nil {
			return err
		}
		if err := errors.Join(v.call(some), t.until("calls are stored again", func() bool {
			_, failed, _, err := stored(t.db)
			return err == nil && failed[v.made] > 0
		}), v.end(), t.recover()); err != nil {
			return err
		}
		return t.complete(some+1, v.made)
	}
}

func replaced(t *trial) error {
	other := &trial{binaries: t.binaries, ctx: t.ctx, dir: t.dir, db: filepath.Join(t.dir, "other.db"), spool: filepath.Join(t.dir, "other-spool")}
	defer func() {
		for _, clean := range other.cleanup {
			clean()
		}
	}()
	v, err := other.spooled()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), v.end(), other.recover()); err != nil {
		return err
	}
	err = whileOpen(func(t *trial) error { return os.Rename(other.db, t.db) })(t)
	if err != nil {
		return err
	}
	_, failed, _, err := stored(t.db)
	// Both programs made call 3: that of the second is there again if its spool still held it.
	if err == nil && failed[3] != 1 && failed[3] != 2 {
		err = fmt.Errorf("failed call 3 of the database that took its place is there %d times", failed[3])
	}
	return err
}

// foreign puts a file there that is not monitorgen's: it is not touched, and when
// it is gone the calls come.
func foreign(t *trial) error {
	v, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.until("the first calls are stored", func() bool { return count(t.db) == some })); err != nil {
		return err
	}
	const text = "somebody's notes\n"
	notes := filepath.Join(t.dir, "notes")
	if err := errors.Join(os.WriteFile(notes, []byte(text), 0o600), os.Rename(notes, t.db), v.call(some), t.says(v.process, "not a database of monitorgen"), v.end()); err != nil {
		return err
	}
	if got, err := os.ReadFile(t.db); err != nil || string(got) != text {
		return fmt.Errorf("the foreign file has become %q, %w", got, err)
	}
	if err := errors.Join(os.Remove(t.db), t.recover()); err != nil {
		return err
	}
	return t.complete(some+1, v.made)
}

// damagedPage has a program find a damaged database where it starts.
func damagedPage(t *trial) error {
	first, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(first.call(some), first.end(), t.recover()); err != nil {
		return err
	}
	f, err := os.OpenFile(t.db, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	noise := []byte(strings.Repeat("noise!", 8192))
	for page := int64(1); page < 40; page += 3 { // the first page says whose it is
		f.WriteAt(noise[:8192], page*8192)
	}
	if err := f.Close(); err != nil {
		return err
	}
	v, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), t.says(v.process, "set aside"), v.end(), t.recover()); err != nil {
		return err
	}
	if aside, err := filepath.Glob(t.db + ".damaged-*Z"); err != nil || len(aside) != 1 || !strings.Contains(v.text(), aside[0]) {
		return fmt.Errorf("set aside: %q, %w; said: %s", aside, err, v.text())
	}
	return t.complete(1, v.made)
}

func newer(t *trial) error {
	db, err := sql.Open("sqlite", "file:"+t.db)
	if err != nil {
		return err
	}
	_, err = db.Exec("PRAGMA application_id = 0x4d6f6e47; PRAGMA user_version = 1000; CREATE TABLE future (x)")
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	before, err := os.ReadFile(t.db)
	if err != nil {
		return err
	}
	v, err := t.inProcess()
	if err != nil {
		return err
	}
	if err := errors.Join(v.call(some), v.end()); err != nil {
		return err
	}
	if text := v.text(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "not recording") || !strings.Contains(text, "update monitorgen") {
		return fmt.Errorf("the message is %q", text)
	}
	a, err := t.agent()
	if err != nil {
		return err
	}
	if err := a.cmd.Wait(); a.cmd.ProcessState.ExitCode() != 2 || !strings.Contains(a.text(), "update monitorgen") {
		return fmt.Errorf("the agent: %v: %s", err, a.text())
	}
	after, err := os.ReadFile(t.db)
	if err != nil || string(after) != string(before) {
		return fmt.Errorf("the file was changed, %w", err)
	}
	t.found = "refused, and not touched"
	return nil
}

// failing has system calls of an agent on the database fail, or take long. The
// calls that fail are so many, counted from one on.
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

// twoAgents has two agents drain the spools of two programs into one database.
func twoAgents(t *trial) error {
	var agents []*process
	var victims []*victim
	for range 2 {
		a, err := t.agent()
		if err != nil {
			return err
		}
		v, err := t.spooled()
		if err != nil {
			return err
		}
		if err := t.says(a, "the agent starts"); err != nil {
			return err
		}
		agents, victims = append(agents, a), append(victims, v)
	}
	// The second one's numbers begin where the first one's end.
	if err := victims[0].call(some); err != nil {
		return err
	}
	for range 10 {
		for _, v := range victims {
			if err := v.call(some); err != nil {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond) // so that both get something to do
	}
	for _, v := range victims {
		if err := v.end(); err != nil {
			return err
		}
	}
	for _, a := range agents {
		if err := a.stop(); err != nil {
			return err
		}
	}
	if err := t.recover(); err != nil {
		return err
	}
	good, failed, _, err := stored(t.db)
	if err != nil {
		return err
	}
	for n := 3; n <= victims[0].made; n += 3 {
		want := 1
		if n <= victims[1].made {
			want = 2 // of two programs
		}
		if failed[n] != want {
			return fmt.Errorf("failed call %d of %d programs is there %d times", n, want, failed[n])
		}
	}
	t.found = fmt.Sprintf("%d calls of two programs", len(good)+len(failed))
	return nil
}
