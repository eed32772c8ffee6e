//go:build !((amd64 || arm64) && gc)

package runtime

import "time"

// nanotime is a monotonic clock.
func nanotime() int64 { return int64(time.Since(clock.wall)) }
