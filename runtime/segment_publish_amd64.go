package runtime

// publishWord stores the first word of a record behind all that was stored
// before. On amd64 stores become visible in the order in which they are made,
// and a call of a function that is not inlined keeps the compiler from moving
// them: an atomic store would wait for all stores before it to get to the cache.
//
//go:norace
//go:noinline
func publishWord(at *uint64, word uint64) { *at = word }

// release stores zero behind all that was stored before, as publishWord does.
//
//go:norace
//go:noinline
func release(at *uint32) { *at = 0 }
