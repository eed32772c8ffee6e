//go:build unix

package main

import (
	"os"
	"syscall"
)

// way is a way of dying, and who drains meanwhile.
type way struct {
	name     string
	argument string // of victim; what it does by itself
	rounds   int
	signal   os.Signal // that the victim gets from outside
	code     int       // its exit code; -1: a signal ended it
	says     string    // is in what it wrote to standard error
	ends     bool      // its outermost call has ended when it dies

	drained drained
	memory  bool // in a group of processes with little memory
}

// drained says who drains the spool while the victim lives.
type drained int

const (
	byNobody    drained = iota
	byAnother           // a process that lives as long as the victim
	byTheKilled         // processes that are killed one after the other, in the middle of their work
	byRun               // monitorgen run, which is killed with the victim
	byItself            // the victim has the sink in it
)

var ways = []way{
	{name: "kill -9", rounds: 80, signal: syscall.SIGKILL, code: -1},
	{name: "kill -9, a drainer at work", rounds: 100, signal: syscall.SIGKILL, code: -1, drained: byAnother},
	{name: "kill -9, drainers killed too", rounds: 80, signal: syscall.SIGKILL, code: -1, drained: byTheKilled},
	{name: "kill -9 of it and of monitorgen run", rounds: 20, signal: syscall.SIGKILL, code: -1, drained: byRun},
	{name: "kill -9, the sink in process", rounds: 30, signal: syscall.SIGKILL, code: -1, drained: byItself},
	{name: "SIGTERM", rounds: 10, signal: syscall.SIGTERM, code: -1},
	{name: "SIGTERM, the sink in process", rounds: 10, signal: syscall.SIGTERM, code: -1, drained: byItself},
	{name: "SIGQUIT", rounds: 10, signal: syscall.SIGQUIT, code: 2, says: "SIGQUIT: quit"},
	{name: "out of memory", argument: "out of memory", rounds: 5, code: -1, memory: true},
	{name: "os.Exit", argument: "exit", rounds: 10, code: 3},
	{name: "os.Exit, the sink in process", argument: "exit", rounds: 10, code: 3, drained: byItself},
	{name: "log.Fatal", argument: "log.Fatal", rounds: 10, code: 1, says: "fatal"},
	{name: "panic", argument: "panic", rounds: 10, code: 2, says: "panic: in main", ends: true},
	{name: "panic in a goroutine", argument: "panic in a goroutine", rounds: 10, code: 2, says: "panic: in a goroutine"},
	{name: "nil pointer", argument: "nil pointer", rounds: 10, code: 2, says: "nil pointer dereference"},
	{name: "stack overflow", argument: "stack overflow", rounds: 10, code: 2, says: "stack overflow"},
	{name: "concurrent map write", argument: "concurrent map write", rounds: 10, code: 2, says: "concurrent map"},
	{name: "deadlock", argument: "deadlock", rounds: 10, code: 2, says: "all goroutines are asleep"},
	{name: "return from main", argument: "return", rounds: 5, code: 0, ends: true},
}
