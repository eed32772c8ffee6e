//go:build unix

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

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
