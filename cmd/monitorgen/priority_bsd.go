//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package main

import "syscall"

// lowPriority is the nice value of a drainer beside the program that it drains.
const lowPriority = 10

// stepBack lowers the priority of this process, so that storing records does not
// take time from the program that makes them.
func stepBack() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowPriority) }
