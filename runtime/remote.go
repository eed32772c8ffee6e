package runtime

import (
	"encoding/binary"
	"encoding/hex"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// remote is where a trace of another process stands (W3C trace context): its id in
// two halves, and the span that calls without a parent in this process hang under.
type remote struct{ high, low, span uint64 }

// traceparentSize is that of version 00.
const traceparentSize = 55

// FromTraceparent returns the call of another process that a traceparent header
// names, for Join: what is called until Leave is part of its trace. Where the
// header says that the trace is not sampled, calls are left out as below a call
// that the sample left out: those that fail are recorded still. Where it says
// that it is, all are kept, whatever samples and rates say. ok is false for what
// is no such header (https://www.w3.org/TR/trace-context/).
func FromTraceparent(header string) (o Origin, ok bool) {
	if len(header) < traceparentSize || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Origin{}, false
	}
	var version, flags [1]byte
	var trace [16]byte
	var span [8]byte
	for _, part := range []struct {
		to   []byte
		text string
	}{{version[:], header[:2]}, {trace[:], header[3:35]}, {span[:], header[36:52]}, {flags[:], header[53:55]}} {
		for i := 0; i < len(part.text); i++ {
			if c := part.text[i]; c >= 'A' && c <= 'F' {
				return Origin{}, false
			}
		}
		if _, err := hex.Decode(part.to, []byte(part.text)); err != nil {
			return Origin{}, false
		}
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(header) != traceparentSize, len(header) > traceparentSize && header[traceparentSize] != '-':
		return Origin{}, false
	}
	return FromRemote(trace, span, flags[0]&1 != 0)
}

// FromRemote is FromTraceparent for who has the parts of the header: for bridges.
func FromRemote(trace [16]byte, span [8]byte, sampled bool) (o Origin, ok bool) {
	if trace == ([16]byte{}) || span == ([8]byte{}) {
		return Origin{}, false
	}
	o.remote = remote{binary.BigEndian.Uint64(trace[:8]), binary.BigEndian.Uint64(trace[8:]), binary.BigEndian.Uint64(span[:])}
	o.left, o.whole = !sampled, sampled
	return o, true
}

// Traceparent returns the header that tells another process what it is called by:
// of Here, the innermost open call. It is "" outside of all calls and traces, and
// while nothing is recorded. A trace that began in this process has the id that
// OpenTelemetry's stores get for it.
func (o Origin) Traceparent() string {
	trace, span, ok := o.Remote()
	if !ok {
		return ""
	}
	buf := append(make([]byte, 0, traceparentSize), "00-"...)
	buf = append(buf, hex.EncodeToString(trace[:])...)
	buf = append(buf, '-')
	buf = append(buf, hex.EncodeToString(span[:])...)
	if o.left {
		return string(append(buf, "-00"...))
	}
	return string(append(buf, "-01"...))
}

// Remote returns the parts of the traceparent; ok is false where there is none.
//
//go:norace
func (o Origin) Remote() (trace [16]byte, span [8]byte, ok bool) {
	binary.BigEndian.PutUint64(trace[:8], o.remote.high)
	binary.BigEndian.PutUint64(trace[8:], o.remote.low)
	binary.BigEndian.PutUint64(span[:], o.remote.span)
	if o.call != 0 {
		binary.BigEndian.PutUint64(span[:], o.call)
	}
	if o.remote == (remote{}) {
		sp := recorder.current()
		if sp == nil || o.call == 0 {
			return trace, span, false
		}
		for i := range sp.run[:8] {
			trace[i] = sp.run[i]
		}
		binary.BigEndian.PutUint64(trace[8:], o.trace)
	}
	return trace, span, true
}

// Sampled tells whether the call is recorded, and with it what it calls elsewhere.
func (o Origin) Sampled() bool { return o != (Origin{}) && !o.left }

// appendRemote adds to the record of the innermost call the trace of another
// process that it is part of.
//
//go:norace
func (g *goroutine) appendRemote() {
	e := &g.encoder
	e.reserve(wire.RemoteSize)
	at := e.tail()
	binary.BigEndian.PutUint64(at[0:], g.parent.remote.high)
	binary.BigEndian.PutUint64(at[8:], g.parent.remote.low)
	span := uint64(0)
	if len(g.frames) == 1 && g.parent.call == 0 {
		span = g.parent.remote.span
	}
	binary.BigEndian.PutUint64(at[16:], span)
	e.n += wire.RemoteSize
	g.ending.flags |= wire.FlagRemote
}

// tail returns the next bytes of the memory, which reserve has made sure of.
//
//go:norace
func (e *Encoder) tail() *[wire.RemoteSize]byte {
	return (*[wire.RemoteSize]byte)(unsafe.Add(e.base, e.n))
}
