package wire

import "testing"

func TestWord(t *testing.T) {
	for _, size := range []int{RecordHeaderSize, 160, MaxRecordSize} {
		for _, turn := range []uint32{0, 1, 255, 256, 1<<32 - 1} {
			word := Word(size, KindCall, FlagError|FlagPanic, 1<<16-1) | TurnWord(turn)
			got, end, published := SplitWord(word, turn)
			if got != size || end || !published {
				t.Errorf("size %d, turn %d: %d, %v, %v", size, turn, got, end, published)
			}
			if _, _, published := SplitWord(word, turn+1); published {
				t.Errorf("size %d, turn %d: taken for one of the next turn", size, turn)
			}
			if byte(word>>(8*RecordKindAt)) != byte(KindCall) || byte(word>>(8*RecordFlagsAt)) != FlagError|FlagPanic || word>>(8*RecordDepthAt) != 1<<16-1 {
				t.Errorf("word %#x", word)
			}
		}
	}
	if _, end, published := SplitWord(EndWord()|TurnWord(7), 7); !end || !published {
		t.Error("an end mark is not one")
	}
	if _, _, published := SplitWord(0, 0); published {
		t.Error("a record in zeros")
	}
}

func TestSegmentName(t *testing.T) {
	for _, name := range []string{"n-00-000001.seg", "e-03-000017.seg", "d-00-1234567.seg", "n-100-000001.seg"} {
		lane, shard, number, ok := ParseSegmentName(name)
		if !ok || SegmentName(lane, shard, number) != name {
			t.Errorf("%s: %v %d %d %v", name, lane, shard, number, ok)
		}
	}
	for _, name := range []string{"", "n-00-000001", "n-00-000001.free", "x-00-000001.seg", "n-00.seg", "n--1-000001.seg", "n-00-99999999999.seg", "live.lock"} {
		if lane, shard, number, ok := ParseSegmentName(name); ok {
			t.Errorf("%s: %v %d %d", name, lane, shard, number)
		}
	}
}
