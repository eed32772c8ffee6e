package runtime

// Origin is the call that code which runs on another goroutine is part of: the
// parent of that goroutine's outermost calls. The zero Origin is of code whose
// caller nobody knows. It is a plain copy, so it stays right when the call has
// ended. For generated code, and what FromContext returns.
type Origin struct {
	call  uint64
	trace uint64
	depth uint32 // of calls that have it as parent
	left  bool   // the sample left the call out, and with it all that it started
	whole bool   // another process wants all of the trace, whatever samples say here
	// remote is the trace of another process that this is part of; see remote.go.
	remote remote
}

// Here returns the innermost open call of the running goroutine, or, where
// none is open, what the goroutine itself is part of. It is evaluated where a go
// statement is, on the goroutine that starts the other. For generated code.
//
//go:norace
func Here() Origin {
	if recorder.current() == nil {
		return Origin{}
	}
	raceQuiet()
	o := current().here()
	raceLoud()
	return o
}

//go:norace
func (g *goroutine) here() Origin {
	n := len(g.frames)
	if n == 0 {
		o := g.parent
		if !located.g {
			raceLoud()
			g.release()
			raceQuiet()
		}
		return o
	}
	// A call that was left out gets its id when an error needs it; one of another
	// goroutine may.
	g.identify()
	trace := g.parent.trace
	if trace == 0 {
		trace = g.frames[0].id
	}
	return Origin{
		call:  g.frames[n-1].id,
		trace: trace,
		depth: g.parent.depth + uint32(n),
		left:  !g.frames[n-1].kept,
		whole: g.parent.whole, remote: g.parent.remote,
	}
}

// Adopt makes the origin the parent of the running goroutine, which has just
// been started. It returns true where Disown has to follow when the goroutine
// ends. For generated code.
//
//go:norace
func (o Origin) Adopt() bool {
	if o == (Origin{}) {
		return false
	}
	raceQuiet()
	current().parent = o
	raceLoud()
	return !located.g
}

// Disown ends what Adopt began. For generated code.
//
//go:norace
func Disown() {
	raceQuiet()
	g := current()
	raceLoud()
	g.parent = Origin{}
	if len(g.frames) == 0 {
		g.release()
	}
}

// Join makes the origin the parent of what the running goroutine calls, unless
// it has an open call, until Leave: a worker runs what others have handed to it,
// one after the other. For generated code, and with FromContext.
//
//go:norace
func (o Origin) Join() (j Joined) {
	if o == (Origin{}) {
		return j
	}
	raceQuiet()
	g := current()
	if len(g.frames) == 0 {
		j = Joined{g: g, before: g.parent}
		g.parent = o
	}
	raceLoud()
	return j
}

// Joined is what Leave has to restore.
type Joined struct {
	g      *goroutine // nil: nothing
	before Origin
}

// Leave ends what Join began, on the same goroutine.
//
//go:norace
func (j Joined) Leave() {
	g := j.g
	if g == nil {
		return
	}
	g.parent = j.before
	if !located.g && len(g.frames) == 0 {
		g.release()
	}
}
