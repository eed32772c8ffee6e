package runtime

// UsePortable makes the recorder do without what it knows of Go's runtime, as
// on a platform where it knows nothing. It must come before the first Start.
func UsePortable() {
	located.once.Do(func() {})
	located.g, located.panics = false, false
}

// Located tells whether the self-check found what it looked for.
func Located() (g, panics bool) {
	locate()
	return located.g, located.panics
}

// TableSize is the number of sites that Lookup can tell apart by their slot.
const TableSize = len(sites)
