package runtime

import "time"

// clock ties the monotonic clock, the only one that a call reads, to the
// calendar. A step of the system's clock shows in the next run only.
var clock = struct {
	wall     time.Time
	wallNano int64
	mono     int64
}{}

func init() {
	clock.wall = time.Now()
	clock.mono = nanotime()
	clock.wallNano = clock.wall.UnixNano()
	ticks, mono := pair()
	firstPair = instant{ticks: ticks, mono: mono, steady: ticks != 0}
}

// wallTime turns a reading of nanotime into nanoseconds since 1970 UTC.
func wallTime(mono int64) int64 { return clock.wallNano + mono - clock.mono }
