package rewrite

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Options are what a directive asks for. The zero value records everything.
type Options struct {
	Group  string   // process group; empty: the package path
	Name   string   // process name; empty: package and function
	Sample string   // share of calls recorded, 0 to 1; empty: all
	Rate   string   // at most so many calls a second, "100/s"; empty: no limit
	Slow   string   // only calls slower than this duration, and errors; empty: all
	Args   []string // names of the arguments to record; nil: all
	NoArgs bool     // args=none
	NoRes  bool     // result=none
	Mask   []string // parameters, results and fields recorded as ***
	Max    string   // bytes per value; empty: the runtime's default
	Depth  string   // nesting of structs, lists and pointers; empty: the runtime's default
	Deep   []string // parameters opened without the rule on shared memory
	Iter   bool     // record the iteration of an iter.Seq result

	set map[string]bool // which keys the directive names
}

// Limits that a directive may ask for.
const (
	maxValueBytes = 32 << 10
	maxDepth      = 32
)

var (
	nameWord = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.()*/\[\],-]*$`)
	rateForm = regexp.MustCompile(`^[1-9][0-9]{0,8}/s$`)
	identMin = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)
)

// optionSetters says for each key how its value is read. An error says what
// values are good; the position is added by the caller.
var optionSetters = map[string]func(o *Options, v string) error{
	"group": func(o *Options, v string) error {
		return setMatch(&o.Group, v, nameWord, "a name such as orders.pricing")
	},
	"name": func(o *Options, v string) error {
		return setMatch(&o.Name, v, nameWord, "a name such as price_option")
	},
	"sample": func(o *Options, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return fmt.Errorf("want a share from 0 to 1 such as 0.01")
		}
		o.Sample = v
		return nil
	},
	"rate": func(o *Options, v string) error {
		return setMatch(&o.Rate, v, rateForm, "calls per second such as 100/s")
	},
	"slow": func(o *Options, v string) error {
		if d, err := time.ParseDuration(v); err != nil || d <= 0 {
			return fmt.Errorf("want a duration such as 10ms")
		}
		o.Slow = v
		return nil
	},
	"args": func(o *Options, v string) error {
		switch v {
		case "all":
			o.Args, o.NoArgs = nil, false
			return nil
		case "none":
			o.Args, o.NoArgs = nil, true
			return nil
		}
		o.NoArgs = false
		return setNames(&o.Args, v, "all, none or parameter names such as args=id,qty")
	},
	"result": func(o *Options, v string) error {
		switch v {
		case "all":
			o.NoRes = false
		case "none":
			o.NoRes = true
		default:
			return fmt.Errorf("want all or none")
		}
		return nil
	},
	"mask": func(o *Options, v string) error {
		return setNames(&o.Mask, v, "names of parameters or fields such as mask=card,Email")
	},
	"max": func(o *Options, v string) error {
		return setCount(&o.Max, v, 1, maxValueBytes)
	},
	"depth": func(o *Options, v string) error {
		return setCount(&o.Depth, v, 0, maxDepth)
	},
	"deep": func(o *Options, v string) error {
		return setNames(&o.Deep, v, "parameter names such as deep=order")
	},
	"iter": func(o *Options, v string) error {
		switch v {
		case "on":
			o.Iter = true
		case "off":
			o.Iter = false
		default:
			return fmt.Errorf("want on or off")
		}
		return nil
	},
}

func setMatch(dst *string, v string, form *regexp.Regexp, want string) error {
	if !form.MatchString(v) {
		return fmt.Errorf("want %s", want)
	}
	*dst = v
	return nil
}

func setNames(dst *[]string, v, want string) error {
	var names []string
	for _, n := range strings.Split(v, ",") {
		if !identMin.MatchString(n) {
			return fmt.Errorf("want %s", want)
		}
		names = append(names, n)
	}
	*dst = names
	return nil
}

func setCount(dst *string, v string, low, high int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return fmt.Errorf("want a whole number from %d to %d", low, high)
	}
	*dst = strconv.Itoa(n)
	return nil
}

// setPair reads one key=value pair.
func (o *Options) setPair(key, value string) error {
	read, ok := optionSetters[key]
	if !ok {
		return fmt.Errorf("unknown option %q%s", key, DidYouMean(key, optionNames()))
	}
	if o.set[key] {
		return fmt.Errorf("option %q is given twice", key)
	}
	if value == "" {
		return fmt.Errorf("option %q has no value", key)
	}
	if err := read(o, value); err != nil {
		return fmt.Errorf("bad value %q for option %s: %w", value, key, err)
	}
	if o.set == nil {
		o.set = make(map[string]bool)
	}
	o.set[key] = true
	return nil
}

func optionNames() []string {
	names := make([]string, 0, len(optionSetters))
	for n := range optionSetters {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// over returns o with what it leaves open taken from base: a function's
// directive over its type's, over its package's.
func (o Options) over(base Options) Options {
	merged := base
	merged.set = make(map[string]bool, len(base.set)+len(o.set))
	for k := range base.set {
		merged.set[k] = true
	}
	for k := range o.set {
		merged.set[k] = true
		switch k {
		case "group":
			merged.Group = o.Group
		case "name":
			merged.Name = o.Name
		case "sample":
			merged.Sample = o.Sample
		case "rate":
			merged.Rate = o.Rate
		case "slow":
			merged.Slow = o.Slow
		case "args":
			merged.Args, merged.NoArgs = o.Args, o.NoArgs
		case "result":
			merged.NoRes = o.NoRes
		case "mask":
			// What is secret for the package stays secret in the function.
			merged.Mask = append(append([]string(nil), base.Mask...), o.Mask...)
		case "max":
			merged.Max = o.Max
		case "depth":
			merged.Depth = o.Depth
		case "deep":
			merged.Deep = o.Deep
		case "iter":
			merged.Iter = o.Iter
		}
	}
	return merged
}

// text returns the options as a directive would spell them, in the order of the keys.
func (o Options) text() string {
	var parts []string
	add := func(key, value string) {
		if o.set[key] {
			parts = append(parts, key+"="+value)
		}
	}
	args := strings.Join(o.Args, ",")
	if o.NoArgs {
		args = "none"
	} else if o.Args == nil {
		args = "all"
	}
	add("args", args)
	add("deep", strings.Join(o.Deep, ","))
	add("depth", o.Depth)
	add("group", o.Group)
	add("iter", map[bool]string{true: "on", false: "off"}[o.Iter])
	add("mask", strings.Join(o.Mask, ","))
	add("max", o.Max)
	add("name", o.Name)
	add("rate", o.Rate)
	add("result", map[bool]string{true: "none", false: "all"}[o.NoRes])
	add("sample", o.Sample)
	add("slow", o.Slow)
	return strings.Join(parts, " ")
}

// runtimeText returns what the runtime needs of the options, with the process
// name for its console line and whether a result can say that the call failed.
func (o Options) runtimeText(process string, fails bool) string {
	parts := []string{"process=" + strconv.Quote(process)}
	if fails {
		parts = append(parts, "fails=true")
	}
	for _, kv := range [][2]string{{"sample", o.Sample}, {"rate", o.Rate}, {"slow", o.Slow}, {"max", o.Max}, {"depth", o.Depth}} {
		if kv[1] != "" {
			parts = append(parts, kv[0]+"="+kv[1])
		}
	}
	return strings.Join(parts, " ")
}

// DidYouMean returns a hint at the nearest of the known words, or "".
func DidYouMean(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return fmt.Sprintf("; known are %s", strings.Join(known, ", "))
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func editDistance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
