//go:build (amd64 || arm64) && gc

package runtime

import _ "unsafe" // for go:linkname

// nanotime is the monotonic clock. Go's runtime keeps this name for packages
// outside it ("hall of shame" in its source).
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64
