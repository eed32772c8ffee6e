package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// decoder makes Calls of the records of one run. The texts of many calls share
// one block of memory.
type decoder struct {
	defs   *definitions
	values valueReader
	text   []byte
	block  strings.Builder
}

// blockSize is how much text is allocated at once.
const blockSize = 256 << 10

// keep returns b as a string that stays valid.
func (d *decoder) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if d.block.Cap()-d.block.Len() < len(b) {
		d.block.Reset()
		d.block.Grow(max(blockSize, len(b)))
	}
	from := d.block.Len()
	d.block.Write(b)
	return d.block.String()[from:]
}

// call decodes a call record whole. errUndefined means that the definition
// lane has to be read on first.
func (d *decoder) call(record []byte, c *Call) error {
	if len(record) < wire.CallHeaderSize {
		return fmt.Errorf("call: %w", errShort)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(record[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(record[at:]) }
	function, err := d.defs.function(u32(wire.CallSiteAt))
	if err != nil {
		return err
	}
	*c = Call{
		Function:  function,
		ID:        u64(wire.CallIDAt),
		Parent:    u64(wire.CallParentAt),
		Trace:     u64(wire.CallTraceAt),
		Goroutine: u64(wire.CallGoroutineAt),
		Start:     int64(u64(wire.CallStartAt)),
		Duration:  int64(u64(wire.CallDurationAt)),
		Depth:     binary.LittleEndian.Uint16(record[wire.RecordDepthAt:]),
		Flags:     record[wire.RecordFlagsAt],
	}
	if c.ID == 0 || c.ID > MaxCallID || c.Parent > MaxCallID || c.Trace > MaxCallID {
		return fmt.Errorf("call: ids %d, %d, %d", c.ID, c.Parent, c.Trace)
	}
	if c.Duration < 0 || c.Goroutine > math.MaxInt64 {
		return errors.New("call: a duration or goroutine that cannot be")
	}
	parts := cursor{b: record[wire.CallHeaderSize:]}
	args := parts.part(u32(wire.CallArgsLenAt))
	results := parts.part(u32(wire.CallResultLenAt))
	message := parts.part(u32(wire.CallErrorLenAt))
	stack := parts.part(u32(wire.CallStackLenAt))
	if c.Flags&wire.FlagRemote != 0 {
		if remote := parts.part(wire.RemoteSize); !parts.bad {
			c.Remote = &Remote{Trace: [16]byte(remote), Span: binary.BigEndian.Uint64(remote[16:])}
		}
	}
	if parts.bad || len(parts.b) >= wire.RecordAlign {
		return errors.New("call: the lengths of its parts are wrong")
	}
	if c.Flags&wire.FlagStack != 0 {
		if len(stack) != 8 {
			return errors.New("call: a reference to a stack that is none")
		}
		if c.Stack, err = d.defs.stack(binary.LittleEndian.Uint64(stack)); err != nil {
			return err
		}
		stack = nil
	}
	if c.Exception = d.exception(c.Flags, message, stack); c.Exception == "" && c.Failed() {
		c.Exception = "error" // an error whose text is empty is one still
	}
	if err := d.data(function, c.Flags, args, results); err != nil {
		return err
	}
	c.Data = d.keep(d.values.out)
	return nil
}

// part takes n bytes.
func (c *cursor) part(n uint32) []byte {
	if uint64(n) > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	return c.take(int(n))
}

func (d *decoder) exception(flags uint8, message, stack []byte) string {
	switch {
	case flags&wire.FlagPanic != 0:
		d.text = append(append(d.text[:0], "panic: "...), message...)
	case flags&wire.FlagGoexit != 0:
		d.text = append(d.text[:0], LeftByGoexit...)
	default:
		d.text = append(d.text[:0], message...)
	}
	if len(stack) > 0 {
		d.text = append(append(d.text, "\n\n"...), stack...)
	}
	return strings.ToValidUTF8(d.keep(d.text), "\ufffd")
}

// data makes the JSON array of a call in d.values.out. Arguments that were not
// recorded while results were are "…", so that every value stands at its place.
func (d *decoder) data(f *Function, flags uint8, args, results []byte) error {
	v := &d.values
	v.types, v.err, v.out = f.types, nil, v.out[:0]
	if len(args) == 0 && len(results) == 0 && f.inputs > 0 {
		return nil
	}
	v.out = append(v.out, '[')
	n := v.values(args)
	if len(results) > 0 {
		for ; n < f.inputs && v.err == nil; n++ {
			v.comma()
			v.raw(`"…"`)
		}
		v.values(results)
	}
	v.out = append(v.out, ']')
	return v.err
}

// values appends values until b is used up, and returns how many.
func (r *valueReader) values(b []byte) (n int) {
	r.cursor = cursor{b: b}
	for ; len(r.b) > 0 && r.err == nil; n++ {
		r.comma()
		r.value(1)
	}
	return n
}

func (r *valueReader) comma() {
	if len(r.out) > 1 {
		r.raw(",")
	}
}

// drops decodes a record of KindDrops.
func (d *decoder) drops(body []byte, out *Drops) error {
	c := cursor{b: body}
	number, _ := c.u32(), c.u32()
	count, at := c.u64(), c.u64()
	if c.bad || count > math.MaxInt64 {
		return fmt.Errorf("drops: %w", errShort)
	}
	f, err := d.defs.function(number)
	if err != nil {
		return err
	}
	*out = Drops{Function: f, Count: count, Time: int64(at)}
	return nil
}
