package analyse

import (
	"cmp"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// ErrorGroup is failed calls of one function whose texts say the same.
type ErrorGroup struct {
	Fingerprint string
	aggregate.Name
	Function    int64 // the newest version that failed so
	Panic       bool
	Text        string // of the newest
	Normalised  string
	Count       int64
	First, Last int64 // start of the earliest and the latest, nanoseconds since 1970
	Runs        int
	Example     query.CallID
	Trend       []int64 // counts over TrendSteps equal steps between the first and the last failure of all groups
	Calls       []query.CallID

	runs map[int64]bool
	at   []int64
}

// TrendSteps is how many steps a trend has.
const TrendSteps = 24

// exampleCalls is how many of its newest calls a group names.
const exampleCalls = 500

// GroupErrors groups failures, which come newest first. Functions that the
// catalog does not know have no name.
func GroupErrors(failures []query.Failure, catalog *aggregate.Catalog) []*ErrorGroup {
	groups := map[string]*ErrorGroup{}
	var all []*ErrorGroup
	for _, f := range failures {
		name, _ := catalog.NameOf(f.Function)
		text, panicked := strings.CutPrefix(f.Exception, "panic: ")
		if panicked {
			text, _, _ = strings.Cut(text, "\n")
		}
		normalised := Normalise(text)
		print := fingerprint(name, panicked, normalised)
		g := groups[print]
		if g == nil {
			g = &ErrorGroup{Fingerprint: print, Name: name, Function: f.Function, Panic: panicked, Text: text, Normalised: normalised,
				First: f.Start, Last: f.Start, Example: f.ID, runs: map[int64]bool{}}
			groups[print] = g
			all = append(all, g)
		}
		g.Count++
		g.First, g.Last = min(g.First, f.Start), max(g.Last, f.Start)
		g.runs[f.ID.Run] = true
		g.at = append(g.at, f.Start)
		if len(g.Calls) < exampleCalls {
			g.Calls = append(g.Calls, f.ID)
		}
	}
	addTrends(all)
	slices.SortStableFunc(all, func(a, b *ErrorGroup) int { return cmp.Compare(b.Last, a.Last) })
	return all
}

func addTrends(groups []*ErrorGroup) {
	if len(groups) == 0 {
		return
	}
	first, last := groups[0].First, groups[0].Last
	for _, g := range groups {
		first, last = min(first, g.First), max(last, g.Last)
	}
	for _, g := range groups {
		g.Runs = len(g.runs)
		g.Trend = make([]int64, TrendSteps)
		for _, at := range g.at {
			g.Trend[int(float64(at-first)/float64(last-first+1)*TrendSteps)]++
		}
		g.at, g.runs = nil, nil
	}
}

// variable is what differs between two errors that say the same: quoted text,
// identifiers, addresses, numbers with their units.
var variable = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|` + "`[^`]*`" +
	`|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|0[xX][0-9a-fA-F]+|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b|[0-9]+(?:[.,:][0-9]+)*(?:ns|µs|us|ms|s|m|h)?`)

// Normalise replaces what is variable in an error's text by #.
func Normalise(text string) string { return variable.ReplaceAllString(text, "#") }

func fingerprint(name aggregate.Name, panicked bool, normalised string) string {
	h := fnv.New64a()
	for _, part := range []string{name.Process, name.Group, strconv.FormatBool(panicked), normalised} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return strconv.FormatUint(h.Sum64()|1<<63, 16)
}
