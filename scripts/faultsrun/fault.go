//go:build unix

package main

import (
	"os"
	"strings"
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
	{"failing fsync", true, failing("fsync,fdatasync", "error=EIO", "when=1..5")},
	{"EIO when written", true, failing("pwrite64", "error=EIO", "when=5..10")},
	{"EIO when read", true, failing("pread64", "error=EIO", "when=3..8")},
	{"slow disk", true, failing("pwrite64,fsync,fdatasync", "delay_enter=30000", "when=1..400")},
	{"SIGKILL at the Nth write", true, killedAtWrite},
	{"two agents on one database", false, twoAgents},
	{"clock set forward and back", false, clockJumps},
}

// Numbers of calls: of some segments of a spool.
const (
	some = 3_000
	many = 200_000
)

// says waits until a process has written a text to standard error.
func (t *trial) says(p *process, text string) error {
	return t.until("a message with "+text, func() bool { return strings.Contains(p.text(), text) })
}
