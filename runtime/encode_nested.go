package runtime

import (
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// nest opens a container unless the depth is used up; then it writes TagCut.
//
//go:norace
func (e *Encoder) nest(t wire.Tag, x, y uint32) bool {
	if e.depth <= 0 {
		e.tag(wire.TagCut)
		return false
	}
	if !e.pair(t, x, y) {
		return false
	}
	e.depth--
	return true
}

// Struct opens a struct of a type of the package's description. When it
// returns true the fields follow, and EndStruct; else it is complete.
//
//go:norace
func (e *Encoder) Struct(typ uint32, fields int) bool {
	return e.nest(wire.TagStruct, typ, uint32(fields))
}

// EndStruct closes a struct.
//
//go:norace
func (e *Encoder) EndStruct() { e.depth++ }

// List opens a slice or array of n elements and returns how many of them have
// to follow, and then EndList. When that is 0 the list is complete.
//
//go:norace
func (e *Encoder) List(isNil bool, n int) int {
	if isNil {
		e.tag(wire.TagNil)
		return 0
	}
	kept := n
	if kept > defaultElements {
		kept = defaultElements
	}
	if !e.nest(wire.TagList, uint32(kept), length(n)) {
		return 0
	}
	if kept == 0 {
		e.depth++
	}
	return kept
}

// EndList closes a list.
//
//go:norace
func (e *Encoder) EndList() { e.depth++ }

// Pointee opens what a pointer points at. When it returns true the pointee
// follows, and EndPointee; else the value is complete.
//
//go:norace
func (e *Encoder) Pointee(p unsafe.Pointer) bool {
	if p == nil {
		e.tag(wire.TagNil)
		return false
	}
	for _, followed := range e.followed[:e.pointees] {
		if followed == uintptr(p) {
			e.tag(wire.TagCycle)
			return false
		}
	}
	if e.pointees == maxPointees {
		e.tag(wire.TagCut)
		return false
	}
	b := e.next(1)
	if b == nil {
		return false
	}
	b[0] = byte(wire.TagPointee)
	e.followed[e.pointees] = uintptr(p)
	e.pointees++
	return true
}

// EndPointee closes what a pointer points at.
//
//go:norace
func (e *Encoder) EndPointee() { e.pointees-- }

// Map opens a map and returns how many of its entries, key and value each, are to
// follow, and then EndMap. When that is 0 the map is complete. For generated code.
//
//go:norace
func (e *Encoder) Map(isNil bool, n int) int {
	if isNil {
		e.tag(wire.TagNil)
		return 0
	}
	kept := n
	if kept > defaultElements {
		kept = defaultElements
	}
	if !e.nest(wire.TagMap, uint32(kept), length(n)) {
		return 0
	}
	if kept == 0 {
		e.depth++
	}
	return kept
}

// EndMap closes a map that had left entries less than it should have: somebody
// deletes from it meanwhile. For generated code.
//
//go:norace
func (e *Encoder) EndMap(left int) {
	for ; left > 0; left-- {
		e.tag(wire.TagCut)
		e.tag(wire.TagCut)
	}
	e.depth++
}
