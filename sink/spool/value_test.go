//go:build unix

package spool

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

type values = spooltest.Values

var valueTypes = []manifest.Type{{Name: "Order", Fields: []string{"ID", `say "hi"`}}, {Name: "Empty"}}

func TestValues(t *testing.T) {
	v := values{}
	tag := func(t wire.Tag) values { return v.Tag(t) }
	kept := func(t wire.Tag, s string, cut uint32) values {
		return v.Tag(t).U32(uint32(len(s)), uint32(len(s))+cut).Raw(s)
	}
	dynamic := func(name string) values { return v.Tag(wire.TagDynamic).U32(uint32(len(name))).Raw(name) }
	zone := int32(-3600)
	cases := []struct {
		name  string
		value values
		want  string
	}{
		{"nil", tag(wire.TagNil), `null`},
		{"false", tag(wire.TagFalse), `false`},
		{"true", tag(wire.TagTrue), `true`},
		{"lowest int", v.Int(math.MinInt64), `-9223372036854775808`},
		{"uint", tag(wire.TagUint).U64(math.MaxInt64), `9223372036854775807`},
		{"uint beyond SQL", tag(wire.TagUint).U64(math.MaxUint64), `"18446744073709551615"`},
		{"float32 is not widened", tag(wire.TagFloat32).F64(float64(float32(0.1))), `0.1`},
		{"float64", v.Float(0.30000000000000004), `0.30000000000000004`},
		{"large float", v.Float(1e300), `1e+300`},
		{"small float", v.Float(-1e-7), `-1e-07`},
		{"whole float", v.Float(100), `100`},
		{"NaN", v.Float(math.NaN()), `"NaN"`},
		{"+Inf", v.Float(math.Inf(1)), `"+Inf"`},
		{"-Inf", v.Float(math.Inf(-1)), `"-Inf"`},
		{"complex", tag(wire.TagComplex).F64(1, math.Inf(-1)), `"(1-Infi)"`},
		{"string", v.String("a\"b\\c\n\x00\u2028é", 0), `"a\"b\\c\n\u0000` + "\u2028é" + `"`},
		{"invalid UTF-8", v.String("a\xffb\xc3", 0), `"a` + "\ufffdb\ufffd" + `"`},
		{"cut string", v.String("abc", 7), `"abc…(+7 bytes)"`},
		{"cut in a rune", v.String("ab\xe2\x82", 1), `"ab…(+3 bytes)"`},
		{"text", kept(wire.TagText, "boom", 0), `"boom"`},
		{"printable bytes", kept(wire.TagBytes, "GET /\n", 0), `"GET /\n"`},
		{"binary bytes", kept(wire.TagBytes, "\x00\xfe", 3), `"0x00fe…(+3 bytes)"`},
		{"no bytes", kept(wire.TagBytes, "", 0), `""`},
		{"time", tag(wire.TagTime).U64(1700000000).U32(5, 0), `"2023-11-14T22:13:20.000000005Z"`},
		{"time in a zone", tag(wire.TagTime).U64(1700000000).U32(0, uint32(zone)), `"2023-11-14T21:13:20-01:00"`},
		{"duration", tag(wire.TagDuration).U64(uint64(1500 * time.Microsecond)), `"1.5ms"`},
		{"struct", tag(wire.TagStruct).U32(0, 2).Int(1).Tag(wire.TagMasked), `{"ID":1,"say \"hi\"":"***"}`},
		{"cut struct", tag(wire.TagStruct).U32(0, 1).Int(1), `{"ID":1,"…":"…(+1)"}`},
		{"empty struct", tag(wire.TagStruct).U32(1, 0), `{}`},
		{"list", tag(wire.TagList).U32(2, 2).Int(1).Int(2), `[1,2]`},
		{"cut list", tag(wire.TagList).U32(1, 9).Int(1), `[1,"…(+8)"]`},
		{"empty list", tag(wire.TagList).U32(0, 0), `[]`},
		{"list cut to nothing", tag(wire.TagList).U32(0, 4), `["…(+4)"]`},
		{"map length", tag(wire.TagMapLen).U32(3), `"map len 3"`},
		{"map", tag(wire.TagMap).U32(2, 3).String("a", 0).Int(1).Int(2).Tag(wire.TagNil), `{"a":1,"2":null,"…":"…(+1)"}`},
		{"pointer", tag(wire.TagPointer).U64(0xc000123456), `"0xc000123456"`},
		{"pointee", tag(wire.TagPointee).Int(4), `4`},
		{"func", tag(wire.TagFunc), `"func"`},
		{"chan", tag(wire.TagChan).U32(1, 8), `"chan 1/8"`},
		{"cut", tag(wire.TagCut), `"…"`},
		{"cycle", tag(wire.TagCycle), `"(cycle)"`},
		{"dynamic", dynamic("pkg.T").Int(3), `{"$type":"pkg.T","$value":3}`},
		{"dynamic, opaque", dynamic("pkg.T").Tag(wire.TagOpaque), `"(pkg.T)"`},
		{"opaque", tag(wire.TagOpaque), `"(opaque)"`},
		{"matrix", tag(wire.TagSummary).U32(2, 3).F64(1, 2, 0, 4, math.NaN()), `{"$shape":[2,3],"first":1,"last":2,"min":0,"max":4,"mean":"NaN"}`},
		{"vector", tag(wire.TagSummary).U32(9, 0).F64(1, 2, 0, 4, 2.5), `{"$shape":[9],"first":1,"last":2,"min":0,"max":4,"mean":2.5}`},
		{"bad method", tag(wire.TagMethodBad).U32(4).Raw("nil!"), `"(panicked: nil!)"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := valueReader{cursor: cursor{b: c.value}, types: valueTypes}
			r.value(1)
			if r.err != nil || len(r.b) > 0 || string(r.out) != c.want {
				t.Errorf("got %s, %d bytes left, %v\nwant %s", r.out, len(r.b), r.err, c.want)
			}
			if !json.Valid(r.out) {
				t.Errorf("not JSON: %s", r.out)
			}
			// Each value, cut anywhere, is an error and no panic.
			for n := range c.value {
				r := valueReader{cursor: cursor{b: c.value[:n]}, types: valueTypes}
				r.value(1)
				if r.err == nil {
					t.Errorf("%d of %d bytes are no error: %s", n, len(c.value), r.out)
				}
			}
		})
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	v := values{}
	deep := v
	for range maxDepth + 1 {
		deep = deep.Tag(wire.TagPointee)
	}
	huge := []manifest.Type{{Name: "Huge", Fields: []string{strings.Repeat("x", maxText)}}}
	many := v.Tag(wire.TagList).U32(3, 3)
	for range 3 {
		many = many.Tag(wire.TagStruct).U32(0, 1).Tag(wire.TagNil)
	}
	cases := []struct {
		name  string
		value values
		types []manifest.Type
	}{
		{"no tag", v.Tag(0), nil},
		{"unknown tag", v.Tag(200), nil},
		{"too deep", deep.Int(1), nil},
		{"a type that is not there", v.Tag(wire.TagStruct).U32(2, 0), valueTypes},
		{"a struct with too many fields", v.Tag(wire.TagStruct).U32(1, 1).Int(1), valueTypes},
		{"a list that cannot fit", v.Tag(wire.TagList).U32(math.MaxUint32, math.MaxUint32).Int(1), nil},
		{"a list with more than its length", v.Tag(wire.TagList).U32(2, 1).Int(1).Int(2), nil},
		{"a text with more than its length", v.Tag(wire.TagString).U32(2, 1).Raw("ab"), nil},
		{"a time beyond its second", v.Tag(wire.TagTime).U64(1).U32(2e9, 0), nil},
		{"names that make much of little", many, huge},
	}
	for _, c := range cases {
		r := valueReader{cursor: cursor{b: c.value}, types: c.types}
		r.value(1)
		if r.err == nil {
			t.Errorf("%s: no error, %d bytes of text", c.name, len(r.out))
		}
	}
}
