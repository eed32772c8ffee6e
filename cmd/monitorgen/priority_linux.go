package main

import (
	"os"
	"strconv"
	"syscall"
)

// lowPriority is the nice value of a drainer beside the program that it drains.
const lowPriority = 10

// stepBack lowers the priority of this process, so that storing records does not
// take time from the program that makes them: where the cores are busy the spool
// holds the records, which is what it is for. On Linux each thread has a priority,
// and hands it to the threads that it starts. A failure changes nothing but speed.
func stepBack() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, lowPriority)
		}
	}
}
