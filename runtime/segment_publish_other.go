//go:build !amd64

package runtime

import "sync/atomic"

// publishWord stores the first word of a record behind all that was stored
// before. On arm64 this is a store-release: whoever sees the word sees the body.
//
//go:norace
func publishWord(at *uint64, word uint64) { atomic.StoreUint64(at, word) }

// release stores zero behind all that was stored before, as publishWord does.
//
//go:norace
func release(at *uint32) { atomic.StoreUint32(at, 0) }
