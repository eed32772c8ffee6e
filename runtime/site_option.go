package runtime

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The limits where a directive sets none.
const (
	defaultMaxBytes = 1000
	defaultElements = 32
	defaultDepth    = 4
	maxValues       = 64 << 10 // bytes of all values of a record
	maxErrorText    = 64 << 10 // bytes of an error's text
)

// siteOptions are the options of one function.
type siteOptions struct {
	process  string // the name shown
	sample   uint64 // a call is kept when a random word is not above; keepAll by default
	own      bool   // the directive says how to sample
	keepsAll bool   // sample and rate leave nothing out
	rate     uint32 // calls kept per second, 0 for all
	slow     int64  // nanoseconds: shorter calls without an error are not kept
	maxBytes int    // of a string
	depth    int    // of nested values
	fails    bool   // it has a result that implements error
}

// keepAll is the sample that keeps every call.
const keepAll = math.MaxUint64

// sampleOf turns a share from 0 to 1 into a siteOptions.sample.
func sampleOf(share float64) uint64 {
	if share >= 1 {
		return keepAll
	}
	return uint64(share * (1 << 32) * (1 << 32))
}

// parseOptions reads the options of a directive, which the generator has
// checked: what it cannot read it ignores.
func parseOptions(text string) siteOptions {
	o := siteOptions{sample: keepAll, maxBytes: defaultMaxBytes, depth: defaultDepth}
	for text != "" {
		var key, value string
		if key, value, text = nextOption(text); key != "" {
			o.set(key, value)
		}
	}
	return o
}

// limit sets the sample that counts for the site.
//
//go:norace
func (o *siteOptions) limit(sample uint64) {
	if !o.own {
		o.sample = sample
	}
	o.keepsAll = o.sample == keepAll && o.rate == 0
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
			o.sample, o.own = sampleOf(share), true
		}
	case "rate":
		if n, err := strconv.ParseUint(strings.TrimSuffix(value, "/s"), 10, 32); err == nil {
			o.rate = uint32(n)
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
