package runtime

import (
	goruntime "runtime"
	"strings"
	"testing"
)

func TestMayLook(t *testing.T) {
	s := &site{}
	looks := func(mono int64, n int) (allowed int) {
		for range n {
			if s.mayLook(mono) {
				allowed++
			}
		}
		return allowed
	}
	for _, window := range []int64{0, 1 << windowBits, 5 << windowBits} {
		if got := looks(window, 3*stacksPerWindow); got != stacksPerWindow {
			t.Errorf("%d looks in the window of %d, want %d", got, window, stacksPerWindow)
		}
		if got := looks(window+1<<windowBits-1, 1); got != 0 {
			t.Errorf("a look at the end of the window of %d", window)
		}
	}
}

func TestSurfaces(t *testing.T) {
	type call struct {
		depth       int
		start, took int64
		text        string
		surfaces    bool
	}
	for name, calls := range map[string][]call{
		"passed on":             {{3, 10, 5, "gone", true}, {2, 5, 15, "gone", false}, {1, 0, 30, "gone", false}},
		"wrapped":               {{3, 10, 5, "gone", true}, {2, 5, 15, "read: gone", false}},
		"another error":         {{3, 10, 5, "gone", true}, {2, 5, 15, "too late", true}},
		"of an earlier sibling": {{3, 10, 5, "gone", true}, {2, 20, 5, "gone", true}},
		"same depth":            {{2, 10, 5, "gone", true}, {2, 20, 5, "gone", true}},
		"empty texts":           {{2, 10, 5, "", true}, {1, 0, 20, "gone", true}},
		"both empty":            {{2, 10, 5, "", true}, {1, 0, 20, "", false}},
	} {
		g := &goroutine{}
		for i, c := range calls {
			g.frames = make([]frame, c.depth)
			g.ending.text, g.ending.took = c.text, c.took
			if got := g.surfaces(&frame{kept: true, mono: c.start}); got != c.surfaces {
				t.Errorf("%s: call %d surfaces: %t", name, i, got)
			}
		}
	}
}

func TestIsOwn(t *testing.T) {
	for _, c := range []struct {
		function string
		top, own bool
	}{
		{"example.com/m.monitorPriceDone", true, true},
		{"example.com/m.monitorPriceEnd[...]", true, true},
		{"example.com/m.monitorPriceEnd", false, false},
		{"example.com/m.Price", true, false},
		{"main.(*T).monitorDone", true, false},
		{"monitorgen_12ab", false, true},
	} {
		if got := isOwn(c.function, c.top); got != c.own {
			t.Errorf("isOwn(%s, %t) = %t", c.function, c.top, got)
		}
	}
}

func TestStackOf(t *testing.T) {
	var pcs [8]uintptr
	text := string(stackOf(pcs[:callersHere(pcs[:])]))
	if !strings.HasPrefix(text, "github.com/monitorgen/monitorgen/runtime.TestStackOf(...)\n\t") || strings.Contains(text, "goexit") {
		t.Errorf("got\n%s", text)
	}
}

func callersHere(pcs []uintptr) int { return goruntime.Callers(2, pcs) }
