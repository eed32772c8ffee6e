//go:build unix

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

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
