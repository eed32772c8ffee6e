package wire

import (
	"strconv"
	"strings"
)

var laneLetters = map[Lane]string{LaneDefinition: "d", LaneNormal: "n", LaneError: "e"}

// SegmentName returns the file name of a segment, "n-03-000017.seg" for
// instance. Names sort by lane, shard and number up to a million segments.
func SegmentName(lane Lane, shard, number uint32) string {
	return laneLetters[lane] + "-" + pad(shard, 2) + "-" + pad(number, 6) + SegmentSuffix
}

// ParseSegmentName is the inverse of SegmentName.
func ParseSegmentName(name string) (lane Lane, shard, number uint32, ok bool) {
	base, found := strings.CutSuffix(name, SegmentSuffix)
	parts := strings.Split(base, "-")
	if !found || len(parts) != 3 {
		return 0, 0, 0, false
	}
	for l, letter := range laneLetters {
		if letter == parts[0] {
			lane = l
		}
	}
	s, err1 := strconv.ParseUint(parts[1], 10, 32)
	n, err2 := strconv.ParseUint(parts[2], 10, 32)
	return lane, uint32(s), uint32(n), lane != 0 && err1 == nil && err2 == nil
}

// FreeName returns the name that a drainer gives to a segment which it has
// stored, while its writer lives: the writer takes the file for a later segment.
func FreeName(lane Lane, shard, number uint32) string {
	return strings.TrimSuffix(SegmentName(lane, shard, number), SegmentSuffix) + FreeSuffix
}

// SpareName returns the name of a segment that the writer has made ahead, for
// failed calls when the disk is full. It holds nothing.
func SpareName(number uint32) string { return pad(number, 6) + SpareSuffix }

func pad(n uint32, width int) string {
	s := strconv.FormatUint(uint64(n), 10)
	if len(s) < width {
		s = strings.Repeat("0", width-len(s)) + s
	}
	return s
}
