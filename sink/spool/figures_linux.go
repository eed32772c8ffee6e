package spool

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// FiguresNow asks the system how a living process is: its CPU time and its
// resident memory. It returns false where that cannot be said, or where the number
// of the process may be that of another one, in another container for instance.
func (i *Info) FiguresNow() (Figures, bool) {
	if !i.here() {
		return Figures{}, false
	}
	f := Figures{Time: time.Now().UnixNano(), Heap: -1, HeapGoal: -1, Goroutines: -1, GCCycles: -1, GCPause: -1, GCPauseMax: -1}
	f.CPU, f.RSS = i.cpu(), i.resident()
	return f, f.CPU >= 0 || f.RSS >= 0
}

// here tells by its bell whether the process can be seen under its number.
func (i *Info) here() bool {
	fd, _, _ := strings.Cut(i.Bell, ":")
	if _, err := strconv.ParseUint(fd, 10, 31); err != nil {
		return false
	}
	link, err := os.Readlink(i.proc("fd/" + fd))
	return err == nil && strings.HasPrefix(link, "/memfd:"+wire.BellName)
}

func (i *Info) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", i.PID, name) }

// ticksPerSecond is that of the times in /proc, on every platform of Linux.
const ticksPerSecond = 100

// cpu is the CPU time, -1 if it cannot be read.
func (i *Info) cpu() int64 {
	text, err := os.ReadFile(i.proc("stat"))
	if err != nil {
		return -1
	}
	// The name of the program comes second, in parentheses, and may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const userAt, systemAt = 11, 12
	if len(fields) <= systemAt {
		return -1
	}
	user, err1 := strconv.ParseInt(string(fields[userAt]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[systemAt]), 10, 64)
	if err1 != nil || err2 != nil {
		return -1
	}
	return (user + system) * int64(time.Second) / ticksPerSecond
}

// resident is the resident memory, -1 if it cannot be read.
func (i *Info) resident() int64 {
	text, err := os.ReadFile(i.proc("statm"))
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return -1
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return -1
	}
	return pages * int64(os.Getpagesize())
}
