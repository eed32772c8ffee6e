package runtime

import (
	"sync/atomic"
	"unsafe"
)

// textMask points at what Mask was given, nil without; atomic.
var textMask unsafe.Pointer // *func(string) string

// Mask has every text pass through f before it is recorded: strings and byte
// slices, also within other values, what Error, String and MarshalText methods return,
// and the values of panics. It is for secrets whose place no directive can name, a card
// number within an error's text say; for parameters and fields mask= and struct
// tags are better, since what they hide is not even read. nil takes f away.
//
// Recorded texts get slower by f and by the strings that it makes, others not at
// all. f is called by the goroutine that makes the recorded call, by several at
// once, while the program may hold any of its locks: it must take none, and be
// quick. What it calls is not recorded. It may be given what it has returned. When it
// panics, the text is "***" and the program goes on.
//
// Names, types, stacks and the command line do not pass through it, nor do texts
// that were recorded before.
func Mask(f func(text string) string) {
	if f == nil {
		atomic.StorePointer(&textMask, nil)
		return
	}
	atomic.StorePointer(&textMask, unsafe.Pointer(&f))
}

// hasMask tells whether texts have to pass through a mask.
//
//go:norace
func hasMask() bool { return textMask != nil }

// maskedText returns what the mask makes of a text.
//
//go:norace
//go:noinline
func (g *goroutine) maskedText(text string) (hidden string) {
	f := (*func(string) string)(atomic.LoadPointer(&textMask))
	if f == nil || text == "" {
		return text
	}
	was, whole := g.busy, false
	g.busy = true
	defer func() {
		g.setBusy(was)
		if !whole {
			recover()
			hidden = masked
		}
	}()
	hidden = (*f)(text)
	whole = true
	return hidden
}
