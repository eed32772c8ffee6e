package main

import (
	"fmt"
	"io"
	"time"
)

// progress shows on a terminal how far a long piece of work is; anywhere else,
// nothing.
type progress struct {
	w     io.Writer // nil: nothing is shown
	last  time.Time
	shown bool
}

// progressPause is the time between two lines of progress at least.
const progressPause = 100 * time.Millisecond

func (e *env) progress() *progress {
	if !terminal(e.stderr) {
		return &progress{}
	}
	return &progress{w: e.stderr}
}

// say replaces what is shown, now and then.
func (p *progress) say(format string, args ...any) {
	if now := time.Now(); p.w != nil && now.Sub(p.last) >= progressPause {
		p.last, p.shown = now, true
		fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
	}
}

// end takes away what is shown.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
