package spool

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("it ends too early")

// cursor takes fields off the front of hostile bytes. After the first one that
// is not there, bad is set and all further ones are zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count is a u32 that says how many things follow; each takes a byte at least.
func (c *cursor) count() int {
	n := c.u32()
	if uint64(n) > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return 0
	}
	return int(n)
}

func (c *cursor) text() []byte { return c.take(c.count()) }
