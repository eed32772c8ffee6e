package runtime

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// The limits where a directive sets none.
const (
	defaultMaxBytes = 1000
	defaultElements = 32
	defaultDepth    = 4
	maxValues       = 64 << 10 // bytes of all values of a record
	maxErrorText    = 64 << 10 // bytes of an error's text
)

// siteOptions are what the directive of one function says.
type siteOptions struct {
	process  string // the name shown
	share    uint64 // its sample, keepAll by default
	own      bool   // it says how to sample
	perSec   uint32 // its rate, 0 for none
	slow     int64  // nanoseconds: shorter calls without an error are not kept
	maxBytes int    // of a string
	depth    int    // of nested values
	fails    bool   // it has a result that implements error
}

// limits say which calls of a function are left out. They may change while
// others read them: whoever reads half of a change takes one call more or less.
type limits struct {
	sample   uint64 // a call is kept when a random word is below; keepAll keeps each
	rate     uint32 // calls kept per second, 0 for all
	keepsAll bool   // sample and rate leave nothing out
}

// keepAll is the sample that keeps every call.
const keepAll = math.MaxUint64

// sampleOf turns a share from 0 to 1 into a sample.
func sampleOf(share float64) uint64 {
	if share >= 1 {
		return keepAll
	}
	return uint64(share * (1 << 32) * (1 << 32))
}

// parseOptions reads the options of a directive, which the generator has
// checked: what it cannot read it ignores.
func parseOptions(text string) siteOptions {
	o := siteOptions{share: keepAll, maxBytes: defaultMaxBytes, depth: defaultDepth}
	for text != "" {
		var key, value string
		if key, value, text = nextOption(text); key != "" {
			o.set(key, value)
		}
	}
	return o
}

// limit sets what counts for the site: the control file's sample, or else the
// directive's, or else that of all functions.
//
//go:norace
func (s *site) limit(ofAll uint64, setting wire.ControlEntry) {
	sample, rate := ofAll, s.perSec
	if s.own {
		sample = s.share
	}
	if setting.HasSample {
		sample, rate = setting.Sample, 0
	}
	s.sample, s.rate, s.keepsAll = sample, rate, sample == keepAll && rate == 0
}

// nextOption takes key=value off the front of text; the value may be quoted.
func nextOption(text string) (key, value, rest string) {
	text = strings.TrimLeft(text, " ")
	end := strings.IndexAny(text, "= ")
	if end < 0 || text[end] == ' ' {
		_, rest, _ = strings.Cut(text, " ")
		return "", "", rest
	}
	key, text = text[:end], text[end+1:]
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		value, _ = strconv.Unquote(quoted)
		return key, value, text[len(quoted):]
	}
	value, rest, _ = strings.Cut(text, " ")
	return key, value, rest
}

func (o *siteOptions) set(key, value string) {
	switch key {
	case "process":
		o.process = value
	case "sample":
		if share, err := strconv.ParseFloat(value, 64); err == nil && share >= 0 {
			o.share, o.own = sampleOf(share), true
		}
	case "rate":
		if n, err := strconv.ParseUint(strings.TrimSuffix(value, "/s"), 10, 32); err == nil {
			o.perSec = uint32(n)
		}
	case "slow":
		if d, err := time.ParseDuration(value); err == nil {
			o.slow = int64(d)
		}
	case "max":
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			o.maxBytes = n
		}
	case "fails":
		o.fails = value == "true"
	case "depth":
		if n, err := strconv.Atoi(value); err == nil && n >= 0 {
			o.depth = n
		}
	}
}
