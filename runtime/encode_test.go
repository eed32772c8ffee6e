package runtime_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
	monitor "github.com/monitorgen/monitorgen/runtime"
)

// encoded records one call with what encode writes as its arguments.
func encoded(t *testing.T, options string, encode func(e *monitor.Encoder)) call {
	t.Helper()
	key := newKey()
	r := recording(t, monitor.Options{}, func() {
		var c monitor.Call
		if e := c.Enter(key, testPackage, options); e != nil {
			encode(e)
		}
		if c.End(0) {
			c.Commit()
		}
	})
	return r.one(t, key)
}

type node struct {
	value int
	next  *node
}

// encodeNode is as the generator writes the encoder of a recursive type.
func encodeNode(e *monitor.Encoder, n *node) {
	if !e.Struct(0, 2) {
		return
	}
	e.Int(int64(n.value))
	if e.Pointee(unsafe.Pointer(n.next)) {
		encodeNode(e, n.next)
		e.EndPointee()
	}
	e.EndStruct()
}

// encodeInts is as the generator writes a slice.
func encodeInts(e *monitor.Encoder, v []int) {
	if n := e.List(v == nil, len(v)); n > 0 {
		for i := 0; i < n; i++ {
			e.Int(int64(v[i]))
		}
		e.EndList()
	}
}

func TestValues(t *testing.T) {
	cycle := &node{value: 1, next: &node{value: 2}}
	cycle.next.next = cycle
	long := make([]float64, 100)
	for i := range long {
		long[i] = float64(i)
	}
	tests := []struct {
		name    string
		options string
		encode  func(e *monitor.Encoder)
		want    string
	}{
		{"nil", "", func(e *monitor.Encoder) { e.Nil() }, "nil"},
		{"bool", "", func(e *monitor.Encoder) { e.Bool(true); e.Bool(false) }, "true false"},
		{"integers", "", func(e *monitor.Encoder) { e.Int(math.MinInt64); e.Uint(math.MaxUint64) }, "-9223372036854775808 18446744073709551615u"},
		{"floats", "", func(e *monitor.Encoder) { e.Float32(1.5); e.Float64(math.Inf(-1)) }, "1.5f -Infg"},
		{"complex", "", func(e *monitor.Encoder) { e.Complex(complex(1, -2)) }, "(1-2i)"},
		{"strings", "", func(e *monitor.Encoder) { e.String(""); e.String("ACME") }, `"" "ACME"`},
		{"string at the default limit", "", func(e *monitor.Encoder) { e.String(strings.Repeat("x", 1001)) }, fmt.Sprintf("%q/1001", strings.Repeat("x", 1000))},
		{"string at a limit", "max=3", func(e *monitor.Encoder) { e.String("abc"); e.String("abcdef"); e.Text("abcd") }, `"abc" "abc"/6 text"abc"/4`},
		{"bytes", "max=3", func(e *monitor.Encoder) { e.Bytes(nil); e.Bytes([]byte{}); e.Bytes([]byte("abcdef")) }, `nil bytes"" bytes"abc"/6`},
		{"time", "", func(e *monitor.Encoder) {
			e.Time(time.Date(2020, 2, 3, 4, 5, 6, 7, time.FixedZone("", -3600)))
			e.Time(time.Time{})
		}, "2020-02-03T04:05:06.000000007-01:00 0001-01-01T00:00:00Z"},
		{"duration", "", func(e *monitor.Encoder) { e.Duration(-time.Second) }, "-1s"},
		{"masked, cut, opaque", "", func(e *monitor.Encoder) { e.Masked(); e.Cut(); e.Opaque("T") }, "*** cut T:opaque"},
		{"pointer", "", func(e *monitor.Encoder) { e.Pointer(nil); e.Pointer(unsafe.Pointer(cycle)) }, "nil pointer"},
		{"func", "", func(e *monitor.Encoder) { e.Func(true); e.Func(false) }, "nil func"},
		{"chan", "", func(e *monitor.Encoder) { e.Chan(true, 0, 0); e.Chan(false, 2, 5) }, "nil chan(2,5)"},
		{"map", "", func(e *monitor.Encoder) { e.MapLen(true, 0); e.MapLen(false, 7) }, "nil map(7)"},
		{"list", "", func(e *monitor.Encoder) { encodeInts(e, nil); encodeInts(e, []int{}); encodeInts(e, []int{1, 2}) }, "nil [] [1 2]"},
		{"long list", "", func(e *monitor.Encoder) { encodeInts(e, make([]int, 40)) }, "[" + strings.Repeat("0 ", 31) + "0]/40"},
		{"list beyond the depth", "depth=0", func(e *monitor.Encoder) { encodeInts(e, []int{1}); e.Int(2) }, "cut 2"},
		{"struct beyond the depth", "depth=2", func(e *monitor.Encoder) {
			encodeNode(e, &node{1, &node{2, &node{3, nil}}})
			e.Int(4)
		}, "struct0{1 &struct0{2 &cut}} 4"},
		{"depth comes back", "depth=1", func(e *monitor.Encoder) {
			encodeNode(e, &node{1, nil})
			encodeInts(e, []int{})
			encodeNode(e, &node{2, nil})
		}, "struct0{1 nil} [] struct0{2 nil}"},
		{"cycle", "", func(e *monitor.Encoder) {
			if e.Pointee(unsafe.Pointer(cycle)) {
				encodeNode(e, cycle)
				e.EndPointee()
			}
			e.Int(3)
		}, "&struct0{1 &struct0{2 cycle}} 3"},
		{"the same pointer twice is no cycle", "", func(e *monitor.Encoder) {
			for i := 0; i < 2; i++ {
				if e.Pointee(unsafe.Pointer(cycle)) {
					e.Int(1)
					e.EndPointee()
				}
			}
		}, "&1 &1"},
		{"few numbers", "", func(e *monitor.Encoder) { numbers(e, make([]float64, 32)) }, `"short"`},
		{"numbers", "", func(e *monitor.Encoder) { numbers(e, long) }, "summary(100,0,0,99,0,99,49.5)"},
		{"very many numbers", "", func(e *monitor.Encoder) { numbers(e, make([]float64, 1<<20)) }, "summary(1048576,0,0,0,0,0,0)"},
		{"matrix", "", func(e *monitor.Encoder) { e.Matrix(grid{2, 3}) }, unlessRace("summary(2,3,0,12,0,12,6)")},
		{"empty matrix", "", func(e *monitor.Encoder) { e.Matrix(grid{0, 3}) }, unlessRace("summary(0,3,NaN,NaN,NaN,NaN,NaN)")},
		{"bad matrix", "", func(e *monitor.Encoder) { e.Matrix(grid{7, 3}) }, unlessRace("bad(Dims or At panicked: no row 3)")},
		{"frame", "", func(e *monitor.Encoder) { e.Frame(grid{5, 3}) }, unlessRace("summary(5,3,NaN,NaN,NaN,NaN,NaN)")},
		{"map", "", func(e *monitor.Encoder) {
			e.Map(true, 0)
			e.Map(false, 0)
			e.Map(false, 2)
			e.String("a")
			e.Int(1)
			e.EndMap(1)
		}, `nil map[] map["a":1 cut:cut]`},
		{"error", "", func(e *monitor.Encoder) { e.Error(nil); e.Error(errNegative); e.Error(&careless{}) }, `nil text"negative quantity" bad(Error panicked: careless)`},
		{"stringer", "", func(e *monitor.Encoder) { e.Stringer(nil); e.Stringer(shouter("a")); e.Stringer((*shouter)(nil)) },
			`nil text"A" bad(String panicked: value method github.com/monitorgen/monitorgen/runtime_test.shouter.String called using nil *shouter pointer)`},
		{"any of plain kinds", "", func(e *monitor.Encoder) {
			for _, v := range []any{nil, true, 1, int8(2), int16(3), int32(4), int64(5), uint(6), uint8(7), uint16(8), uint32(9), uint64(10), uintptr(11),
				float32(1.5), 2.5, complex64(1), complex(2, 0), "text", []byte("b"), time.Unix(0, 0).UTC(), time.Second} {
				e.Any(v)
			}
		}, `nil bool:true int:1 int8:2 int16:3 int32:4 int64:5 uint:6u uint8:7u uint16:8u uint32:9u uint64:10u uintptr:11u ` +
			`float32:1.5f float64:2.5g complex64:(1+0i) complex128:(2+0i) string:"text" []uint8:bytes"b" time.Time:1970-01-01T00:00:00Z time.Duration:1s`},
		{"any of other kinds", "", func(e *monitor.Encoder) {
			e.Any(errNegative)
			e.Any(namedInt(1))
			e.Any(&block{})
			e.Any(map[string]int{})
			e.Any((*careless)(nil))
		}, `*errors.errorString:text"negative quantity" runtime_test.namedInt:opaque *runtime_test.block:opaque map[string]int:opaque *runtime_test.careless:bad(Error panicked: careless)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := encoded(t, tt.options, tt.encode)
			if c.args != tt.want {
				t.Errorf("%s\nwant %s", c.args, tt.want)
			}
			if c.flags&wire.FlagCut != 0 {
				t.Error("the record counts as cut")
			}
		})
	}
}

// keeper keeps itself when it is asked: it must not be on a stack then.
type keeper struct{ _ [64]byte }

var kept *keeper

func (k *keeper) Error() string {
	kept = k
	return "kept"
}

func TestAnyDoesNotAskWhatIsOnTheStack(t *testing.T) {
	if portable {
		t.Skip("everything escapes there")
	}
	kept = nil
	c := encoded(t, "", func(e *monitor.Encoder) {
		var onStack keeper
		e.Any(&onStack)
		onHeap := new(keeper)
		e.Error(onHeap)
		e.Any(error(onHeap))
	})
	want := `*runtime_test.keeper:opaque text"kept" *runtime_test.keeper:text"kept"`
	if c.args != want || kept == nil {
		t.Errorf("%s, want %s", c.args, want)
	}
}

// A record takes 64 KiB of values; every value behind is still countable.
func TestFullRecord(t *testing.T) {
	text := strings.Repeat("x", 1000)
	c := encoded(t, "", func(e *monitor.Encoder) {
		for i := 0; i < 100; i++ {
			e.String(text)
		}
		encodeInts(e, []int{1, 2, 3})
		encodeNode(e, &node{1, nil})
		e.Any(1)
	})
	want := strings.Repeat(fmt.Sprintf("%q ", text), 64) + strings.Repeat("cut ", 36) + "[1 2 3] struct0{1 nil} int:1"
	if c.flags != wire.FlagCut || c.args != want {
		t.Errorf("flags %b, %d bytes of values, the last %s", c.flags, len(c.args), c.args[len(c.args)-50:])
	}
	c = encoded(t, "max=32768", func(e *monitor.Encoder) {
		for i := 0; i < 2; i++ {
			e.String(strings.Repeat(text, 32))
		}
		e.String(strings.Repeat("y", 1536-27))
		e.Nil()
		e.Int(1)
		encodeInts(e, []int{1, 2, 3})
		encodeNode(e, &node{1, nil})
		e.Any(1)
	})
	if values := strings.Fields(c.args); c.flags != wire.FlagCut || strings.Join(values[3:], " ") != "cut cut cut cut cut" {
		t.Errorf("flags %b, values behind the full ones: %v", c.flags, values[3:])
	}
}

// The flag is that of the call whose values were cut, not of those around it.
func TestCutIsPerCall(t *testing.T) {
	outer, inner := newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		record(outer, "", 1, func() error {
			var c monitor.Call
			if e := c.Enter(inner, testPackage, "max=32768"); e != nil {
				for i := 0; i < 3; i++ {
					e.String(strings.Repeat("x", 32<<10))
				}
			}
			if c.End(0) {
				c.Commit()
			}
			return errors.New("not cut")
		})
	})
	if o, i := r.one(t, outer), r.one(t, inner); o.flags != wire.FlagError || i.flags != wire.FlagCut {
		t.Errorf("flags %b and %b", o.flags, i.flags)
	}
}

// numbers writes what generated code writes for a list of numbers.
func numbers(e *monitor.Encoder, v []float64) {
	m := e.Numbers(len(v))
	if m.Step == 0 {
		e.String("short")
		return
	}
	for i := 0; i < len(v); i += m.Step {
		m.Add(v[i])
	}
	m.Last(v[len(v)-1])
	e.Summary(m)
}

// grid is a matrix of that many rows and columns.
type grid struct{ rows, columns int }

func (g grid) Dims() (r, c int) { return g.rows, g.columns }

func (g grid) At(i, j int) float64 {
	if i > 2 {
		panic("no row 3")
	}
	return float64(10*i + j)
}

// unlessRace is what a method says; under the race detector it is not called.
func unlessRace(text string) string {
	if raceDetector {
		return "runtime_test.grid:opaque"
	}
	return text
}
