package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
)

// Call is one recorded call. Its strings stay valid; they share memory with
// those of other calls read at about the same time.
type Call struct {
	Function  *Function // never nil; the same pointer for the same function of the same Run
	ID        uint64    // unique in the run, 1 to MaxCallID
	Parent    uint64    // call id, 0 for none
	Trace     uint64    // call id of the root
	Goroutine uint64
	Start     int64 // wall clock, nanoseconds since 1970 UTC
	Duration  int64 // nanoseconds
	Depth     uint16
	Flags     uint8   // wire.Flag bits
	Exception string  // error text, or "panic: value", an empty line and the stack, or LeftByGoexit; "" for none
	Remote    *Remote // the trace of another process that the call is part of, or nil
	Stack     *Stack  // where an error surfaced, nil if that is not known or not here; that of a panic is in Exception
	Data      string  // JSON array of arguments, then results, in the order of Function.Data; "" when none were recorded
}

// Remote is a trace that began in another process (W3C trace context).
type Remote struct {
	Trace [16]byte
	Span  uint64 // the call's parent there; 0 where its parent is Parent
}

// Stack is where a call returned an error. Calls that did so on the same one have
// the same pointer, in one Run.
type Stack struct {
	Text   string            // two lines for each function, as in a traceback
	Digest [sha256.Size]byte // of Text
}

func newStack(text string) *Stack { return &Stack{Text: text, Digest: sha256.Sum256([]byte(text))} }

// MaxCallID is the highest id that a call may have: a store may keep run and
// call in one 64-bit key.
const MaxCallID = 1<<40 - 1

// LeftByGoexit is the exception of a call that runtime.Goexit left. It has not
// failed: it is how a goroutine ends itself, and a test with FailNow or Skip.
const LeftByGoexit = "runtime.Goexit"

// Failed reports whether the call ended in an error or a panic.
func (c *Call) Failed() bool { return c.Flags&(wire.FlagError|wire.FlagPanic) != 0 }

// Drops says that a full normal lane did not take calls of a function.
type Drops struct {
	Function *Function
	Count    uint64
	Time     int64 // wall clock, nanoseconds since 1970 UTC
}

// Function is a recorded function, as its build described it.
type Function struct {
	Key       uint64 // what generated code calls it by: the same in every build
	Name      string // Price, (*Desk).Price
	Package   string // import path
	File      string
	Line      int // 0: not known
	Signature string
	Group     string
	Process   string // the name shown
	Options   string
	Source    string // "": not known
	Data      []manifest.Datum
	Digest    [sha256.Size]byte // of all of the above but Key: equal functions of different runs have equal digests

	types  []manifest.Type
	inputs int // how many of Data are arguments; they come first
}

// DataJSON is Data as stores keep it (docs/schema.md, functions.data).
func (f *Function) DataJSON() string {
	type datum struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Output bool   `json:"output"`
	}
	list := make([]datum, len(f.Data))
	for i, d := range f.Data {
		list[i] = datum(d)
	}
	text, _ := json.Marshal(list) // which strings and bools cannot fail
	return string(text)
}

// newFunction completes a function from its description.
func newFunction(p *manifest.Package, f *manifest.Function, source string, line int) *Function {
	fn := &Function{
		Key: f.Key, Name: f.Name, Package: p.Path, File: f.File, Line: line, Signature: f.Signature, Group: f.Group,
		Process: f.Process, Options: f.Options, Source: source, Data: f.Data, types: p.Types,
	}
	for fn.inputs < len(f.Data) && !f.Data[fn.inputs].Output {
		fn.inputs++
	}
	fn.Digest = fn.digest()
	return fn
}

func (f *Function) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	var n [8]byte
	number := func(v int) {
		binary.LittleEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	text := func(s string) {
		number(len(s))
		h.Write([]byte(s))
	}
	for _, s := range []string{f.Name, f.Package, f.File, f.Signature, f.Group, f.Process, f.Options, f.Source} {
		text(s)
	}
	number(f.Line)
	for _, d := range f.Data {
		text(d.Name)
		text(d.Type)
		output := 0
		if d.Output {
			output = 1
		}
		number(output)
	}
	h.Sum(sum[:0])
	return sum
}
