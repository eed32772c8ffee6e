package main

import (
	_ "unsafe" // for go:linkname

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// clock is what the recorder times calls with.
var clock string

// floorOf returns the floor of the clock that the recorder uses on this machine.
func floorOf(spool string) (func(n int), error) {
	if err := monitor.Start(monitor.Options{Spool: spool}); err != nil {
		return nil, err
	}
	clock = monitor.Stats().Clock
	if clock == "tsc" {
		return floorOfTimestamp, monitor.Stop()
	}
	return floorOfNanotime, monitor.Stop()
}

// nanotime is the clock that every platform has.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

var (
	from, to [100]byte
	sum      int64
)

func floorOfNanotime(n int) {
	for range n {
		sum -= nanotime()
		copy(to[:], from[:])
		from[3]++
		sum += nanotime()
	}
}

func floorOfTimestamp(n int) {
	for range n {
		sum -= timestamp()
		copy(to[:], from[:])
		from[3]++
		sum += timestamp()
	}
}
