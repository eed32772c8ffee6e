package filter

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is how a field is written.
type rule struct {
	path bool   // arg.x
	ops  string // each between blanks
	read func(*Value) error
}

// Which operators fields take.
const (
	equality = " : = != "
	ordered  = " : = != < <= > >= "
	named    = " : = ~ "
)

var rules = map[Field]rule{
	Func:      {ops: named},
	Group:     {ops: named},
	Package:   {ops: named},
	Under:     {ops: named},
	Status:    {ops: equality, read: readStatus},
	Duration:  {ops: ordered, read: readDurations},
	Arg:       {ops: ordered + "~ ", path: true, read: readNumber},
	Result:    {ops: ordered + "~ ", path: true, read: readNumber},
	Any:       {ops: named},
	Exception: {ops: " : = != ~ "},
	Call:      {ops: equality, read: readCall},
	Trace:     {ops: equality, read: readCall},
	Parent:    {ops: equality, read: readCall},
	Run:       {ops: equality, read: readRun},
	Session:   {ops: equality},
	Goroutine: {ops: ordered, read: readInteger},
	Depth:     {ops: ordered, read: readInteger},
	Since:     {ops: " : = ", read: readAge},
	From:      {ops: " : = ", read: readTime},
	To:        {ops: " : = ", read: readTime},
}

// Fields returns the names of all fields, for completion.
func Fields() []string {
	var names []string
	for f := range rules {
		names = append(names, string(f))
	}
	slices.Sort(names)
	return names
}

// nearestField returns "; did you mean ...?" for a name that begins as a field does.
func nearestField(name string) string {
	low := strings.ToLower(name)
	aliases := map[string]string{"func": "fn", "function": "fn", "process": "fn", "duration": "dur", "args": "arg.NAME", "error": "err", "package": "pkg", "res": "result.NAME"}
	if better, ok := aliases[low]; ok {
		return fmt.Sprintf("; did you mean %s?", better)
	}
	for _, f := range Fields() {
		if len(low) >= 2 && (strings.HasPrefix(f, low) || strings.HasPrefix(low, f)) {
			return fmt.Sprintf("; did you mean %s?", f)
		}
	}
	return ""
}

func readStatus(v *Value) error {
	switch v.Text = strings.ToLower(v.Text); v.Text {
	case "err", "ok", "panic":
		return nil
	case "error":
		v.Text = "err"
		return nil
	}
	return fmt.Errorf("want err, ok or panic, not %q", v.Text)
}

func readDurations(v *Value) (err error) {
	low, high, isRange := strings.Cut(v.Text, "..")
	if v.Int, err = readDuration(low); err != nil || !isRange {
		return err
	}
	if v.High, err = readDuration(high); err != nil {
		return err
	}
	if v.High <= 0 || v.High < v.Int {
		return fmt.Errorf("the range %s ends before it begins", v.Text)
	}
	return nil
}

func readDuration(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("want a duration such as 5ms, not %q", text)
	}
	return int64(d), nil
}

func readAge(v *Value) (err error) {
	v.Int, err = readDuration(v.Text)
	if err == nil && v.Int < 0 {
		return fmt.Errorf("%s is not in the past", v.Text)
	}
	return err
}

func readTime(v *Value) error {
	ns, err := ParseTime(v.Text, time.Now())
	v.Int = ns
	return err
}

// ParseTime reads a time: nanoseconds since 1970, RFC 3339, a date, or a
// duration before now.
func ParseTime(text string, now time.Time) (int64, error) {
	if ns, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ns, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d).UnixNano(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		// Years that nanoseconds can hold.
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1700 && t.Year() <= 2260 {
			return t.UnixNano(), nil
		}
	}
	return 0, fmt.Errorf("want nanoseconds since 1970, a time such as 2006-01-02T15:04:05Z, or how long ago as in 10m, not %q", text)
}

func readNumber(v *Value) error {
	f, err := strconv.ParseFloat(v.Text, 64)
	if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		v.Number, v.IsNumber = f, true
	}
	return nil
}

func readInteger(v *Value) (err error) {
	if v.Int, err = strconv.ParseInt(v.Text, 10, 64); err != nil {
		return fmt.Errorf("want a whole number, not %q", v.Text)
	}
	return nil
}

func readRun(v *Value) (err error) {
	if strings.EqualFold(v.Text, "last") {
		v.Int = Last
		return nil
	}
	v.Int, err = strconv.ParseInt(v.Text, 10, 64)
	if err != nil || v.Int < 1 || v.Int > math.MaxInt32 {
		return fmt.Errorf("want the number of a run, or last, not %q", v.Text)
	}
	return nil
}

// callBits bounds the number of a call within its run.
const callBits = 40

func readCall(v *Value) error {
	run, call, _ := strings.Cut(v.Text, ":")
	r, err1 := strconv.ParseInt(run, 10, 64)
	c, err2 := strconv.ParseInt(call, 10, 64)
	if cmp.Or(err1, err2) != nil || r < 1 || r >= 1<<(63-callBits) || c < 1 || c >= 1<<callBits {
		return fmt.Errorf("want a call, RUN:CALL as in 1:42, not %q", v.Text)
	}
	v.Run, v.Int = r, c
	return nil
}
