package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
)

// Rule is one thing to watch, as the file has it.
type Rule struct {
	Name string `json:"name"`
	// Func and Group choose calls, as fn: and group: in a query; all if both are empty.
	Func    string `json:"func,omitempty"`
	Group   string `json:"group,omitempty"`
	Measure string `json:"measure"`
	Op      string `json:"op,omitempty"` // > or <; > if it is empty
	// Threshold is a duration for p50, p95, p99 and max, a share such as 5% for
	// error_rate, else a number. Of stale it is how often a value may repeat, 5 if it is empty.
	Threshold string `json:"threshold,omitempty"`
	Window    string `json:"window,omitempty"` // a duration; 1m if it is empty
	Value     string `json:"value,omitempty"`  // of stale: arg.NAME or result.NAME; the first result if it is empty
	Webhook   string `json:"webhook,omitempty"`
	Disabled  bool   `json:"disabled,omitempty"`

	threshold float64 // durations in nanoseconds, shares from 0 to 1
	window    time.Duration
	query     filter.Query
	value     []string // arg or result, and the name
}

// Stale is the measure of a value that stands still.
const Stale = "stale"

// Measures are the values of Rule.Measure.
var Measures = []string{"calls", "rate", "errors", "error_rate", "p50", "p95", "p99", "max", Stale}

// Bounds and defaults of rules.
const (
	maxRules       = 200
	maxName        = 100
	defaultRepeats = 5
	maxRepeats     = 1000
	defaultWindow  = time.Minute
	minWindow      = time.Second
	maxWindow      = 24 * time.Hour
)

// Problem says which field of a rule is wrong.
type Problem struct {
	Rule, Field, Text string
}

func (p *Problem) Error() string {
	if p.Rule == "" {
		return fmt.Sprintf("%s: %s", p.Field, p.Text)
	}
	return fmt.Sprintf("rule %q: %s: %s", p.Rule, p.Field, p.Text)
}

// check reads the texts of a rule.
func (r *Rule) check() error {
	wrong := func(field, format string, args ...any) error {
		return &Problem{r.Name, field, fmt.Sprintf(format, args...)}
	}
	if r.Name == "" || len(r.Name) > maxName || strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' || c == '/' }) {
		return wrong("name", "want 1 to %d characters without a slash", maxName)
	}
	if !slices.Contains(Measures, r.Measure) {
		return wrong("measure", "want one of %s, not %q", strings.Join(Measures, ", "), r.Measure)
	}
	if r.Op != "" && r.Op != ">" && r.Op != "<" {
		return wrong("op", "want > or <, not %q", r.Op)
	}
	var err error
	if r.threshold, err = readThreshold(r.Measure, r.Threshold); err != nil {
		return wrong("threshold", "%v", err)
	}
	r.window = defaultWindow
	if r.Window != "" {
		if r.window, err = time.ParseDuration(r.Window); err != nil || r.window < minWindow || r.window > maxWindow {
			return wrong("window", "want a duration from %s to %s, not %q", minWindow, maxWindow, r.Window)
		}
	}
	if err := r.choose(); err != nil {
		return wrong("func", "%v", err)
	}
	if r.Value != "" {
		side, name, ok := strings.Cut(r.Value, ".")
		if !ok || name == "" || side != "arg" && side != "result" || r.Measure != Stale {
			return wrong("value", "want arg.NAME or result.NAME, and the measure stale, not %q", r.Value)
		}
		r.value = []string{side, name}
	}
	if r.Webhook != "" {
		if u, err := url.Parse(r.Webhook); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return wrong("webhook", "want an http or https URL")
		}
	}
	return nil
}

// choose makes the query of func and group.
func (r *Rule) choose() error {
	r.query = filter.Query{}
	for _, part := range []struct{ field, text string }{{"fn", r.Func}, {"group", r.Group}} {
		if part.text == "" {
			continue
		}
		q, err := filter.Parse(part.field + ":" + strconv.Quote(part.text))
		if err != nil {
			return err
		}
		r.query.Terms = append(r.query.Terms, q.Terms...)
	}
	return nil
}

func readThreshold(measure, text string) (float64, error) {
	switch measure {
	case "p50", "p95", "p99", "max":
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("want a duration such as 10ms, not %q", text)
		}
		return float64(d), nil
	case "error_rate":
		number, isShare := strings.CutSuffix(text, "%")
		f, err := strconv.ParseFloat(number, 64)
		if isShare {
			f /= 100
		}
		if err != nil || !(f >= 0 && f <= 1) {
			return 0, fmt.Errorf("want a share such as 5%%, not %q", text)
		}
		return f, nil
	case Stale:
		if text == "" {
			return defaultRepeats, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxRepeats {
			return 0, fmt.Errorf("want how often a value may repeat, 1 to %d, not %q", maxRepeats, text)
		}
		return float64(n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f < 1e18) {
		return 0, fmt.Errorf("want a number, not %q", text)
	}
	return f, nil
}

// ruleFile is the form of the file.
type ruleFile struct {
	Rules []Rule `json:"rules"`
}

// readRules reads a file of rules; one that does not exist has none.
func readRules(path string) ([]Rule, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	var file ruleFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := checkRules(file.Rules); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file.Rules, nil
}

func checkRules(rules []Rule) error {
	if len(rules) > maxRules {
		return fmt.Errorf("there are %d rules; at most %d are watched", len(rules), maxRules)
	}
	names := map[string]bool{}
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return err
		}
		if names[rules[i].Name] {
			return &Problem{rules[i].Name, "name", "there is another rule of that name"}
		}
		names[rules[i].Name] = true
	}
	return nil
}

// writeRules replaces the file, whole or not at all.
func writeRules(path string, rules []Rule) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(ruleFile{rules}); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".monitor-alerts-*")
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	defer os.Remove(f.Name()) // fails when it has got its name
	_, err = f.Write(text.Bytes())
	if e := f.Chmod(0o644); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	return nil
}
