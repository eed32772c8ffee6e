package main

import _ "unsafe" // for go:linkname

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
