package wire

import (
	"bytes"
	"slices"
	"testing"
)

var someEntries = []ControlEntry{
	{Key: 1, Level: LevelOff},
	{Key: 7, Level: LevelFull, HasSample: true, Sample: 1 << 63},
	{Key: 1<<64 - 1, Level: LevelArgs, HasSample: true},
}

func TestControl(t *testing.T) {
	for n := range len(someEntries) + 1 {
		file := AppendControl(nil, someEntries[:n])
		got, ok := ParseControl(file)
		if !ok || !slices.Equal(got, someEntries[:n]) {
			t.Errorf("%d entries: %v, %v", n, got, ok)
		}
		for at := range file {
			if at >= ControlSumAt+4 && at < ControlHeaderSize {
				continue
			}
			bad := bytes.Clone(file)
			bad[at] ^= 4
			if _, ok := ParseControl(bad); ok {
				t.Errorf("%d entries: a wrong byte at %d is not seen", n, at)
			}
			if _, ok := ParseControl(file[:at]); ok {
				t.Errorf("%d entries: the first %d bytes are a file", n, at)
			}
		}
	}
	for name, entries := range map[string][]ControlEntry{
		"a level":   {{Key: 1, Level: LevelArgs + 1}},
		"an order":  {{Key: 2}, {Key: 1}},
		"two alike": {{Key: 2}, {Key: 2}},
	} {
		if _, ok := ParseControl(AppendControl(nil, entries)); ok {
			t.Errorf("%s that cannot be is taken", name)
		}
	}
}

func TestFindControl(t *testing.T) {
	for _, e := range someEntries {
		if got, ok := FindControl(someEntries, e.Key); !ok || got != e {
			t.Errorf("key %d: %+v, %v", e.Key, got, ok)
		}
	}
	for _, key := range []uint64{0, 2, 8} {
		if _, ok := FindControl(someEntries, key); ok {
			t.Errorf("key %d is found", key)
		}
	}
}

// Whatever a file holds, what is taken of it can be written again.
func FuzzParseControl(f *testing.F) {
	f.Add(AppendControl(nil, someEntries))
	f.Add(AppendControl(nil, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		entries, ok := ParseControl(file)
		if !ok {
			return
		}
		again, ok := ParseControl(AppendControl(nil, entries))
		if !ok || !slices.Equal(again, entries) {
			t.Errorf("%v became %v", entries, again)
		}
	})
}
