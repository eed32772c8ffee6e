package alert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// ErrNoRule is for a rule that the file does not have.
var ErrNoRule = errors.New("no such rule")

// Status is a rule and how it is.
type Status struct {
	Rule
	State   string // OK, Firing or Unknown
	Current string // the measure, for people
	Since   int64  // when the state began, nanoseconds since 1970
	Checked int64
	Error   string // why it could not be measured
	Call    string // an example, RUN:CALL
	Process string
}

// Watch watches the calls of a Source by the rules of a file. Its methods may be
// called by several goroutines at once.
type Watch struct {
	source  Source
	path    string
	url     string // of the dashboard, for webhooks
	changed func(Event)

	mu       sync.Mutex
	rules    []Rule
	states   map[string]*Status
	modified time.Time
	size     int64
	problem  error // what is wrong with the file
	history  *history
	sending  sync.WaitGroup
}

// checkEvery is how often rules are looked at.
const checkEvery = 2 * time.Second

// Open reads the rules of a file, which need not exist. changed is called with
// each change of a rule's state; url is where the dashboard is.
func Open(source Source, path, url string, changed func(Event)) (*Watch, error) {
	w := &Watch{source: source, path: path, url: url, changed: changed, states: map[string]*Status{}}
	var err error
	if w.history, err = openHistory(path + ".history"); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reload()
	return w, w.problem
}

// Run looks at the rules until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		w.check(ctx, time.Now())
		select {
		case <-ctx.Done():
			w.sending.Wait()
			return
		case <-tick.C:
		}
	}
}

// reload reads the file again when it has changed: somebody may have edited it,
// or checked another version out. Rules that are wrong leave those there were.
func (w *Watch) reload() {
	info, err := os.Stat(w.path)
	if err == nil && info.ModTime().Equal(w.modified) && info.Size() == w.size {
		return
	}
	rules, err := readRules(w.path)
	if w.problem = err; err != nil {
		return
	}
	w.rules = rules
	w.modified, w.size = time.Time{}, 0
	if info != nil {
		w.modified, w.size = info.ModTime(), info.Size()
	}
}

// check measures every rule once.
func (w *Watch) check(ctx context.Context, now time.Time) {
	w.mu.Lock()
	w.reload()
	rules := slices.Clone(w.rules)
	w.mu.Unlock()
	for i := range rules {
		if rules[i].Disabled {
			continue
		}
		found, err := rules[i].look(ctx, w.source, now)
		if ctx.Err() != nil {
			return
		}
		w.note(ctx, rules[i], found, err, now.UnixNano())
	}
}

// note takes in what was found. A change between ok and firing is an event; a
// rule that is not known keeps firing until it is.
func (w *Watch) note(ctx context.Context, r Rule, found finding, err error, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.states[r.Name]
	if s == nil {
		s = &Status{State: Unknown, Since: now}
		w.states[r.Name] = s
	}
	s.Rule, s.Checked, s.Error = r, now, ""
	if err != nil {
		s.Error = err.Error()
		return
	}
	before := s.State
	s.Current = found.current
	if found.state == before {
		return
	}
	if found.state == Unknown && before == Firing {
		return
	}
	s.State, s.Since, s.Call, s.Process = found.state, now, "", ""
	if found.call != nil {
		s.Call, s.Process = found.call.ID.String(), found.call.Process
	}
	if found.state != Firing && before != Firing {
		return
	}
	e := Event{Rule: r.Name, State: s.State, Value: s.Current, Threshold: r.shown(), At: now, Call: s.Call, Webhook: "none"}
	if r.Webhook != "" {
		e.Webhook = "sending"
	}
	e.ID = w.history.add(e)
	w.changed(e)
	if r.Webhook != "" {
		message := w.message(s, e)
		w.sending.Go(func() {
			detail, err := deliver(ctx, r.Webhook, message, retries)
			w.history.sent(e.ID, detail, err)
		})
	}
}

// shown is the threshold for people, the default too.
func (r *Rule) shown() string {
	if r.Threshold == "" && r.Measure == Stale {
		return "5"
	}
	return r.Threshold
}

// Statuses returns the rules in the order of the file, and what is wrong with
// the file, if anything.
func (w *Watch) Statuses() ([]Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []Status{}
	for _, r := range w.rules {
		s := Status{Rule: r, State: Unknown}
		if have := w.states[r.Name]; have != nil && !r.Disabled {
			s = *have
			s.Rule = r
		}
		all = append(all, s)
	}
	return all, w.problem
}

// Put adds a rule, or with name replaces the one of that name, in the file.
func (w *Watch) Put(name string, r Rule) error {
	return w.change(func(rules []Rule) ([]Rule, error) {
		if name == "" {
			return append(rules, r), nil
		}
		i := slices.IndexFunc(rules, func(have Rule) bool { return have.Name == name })
		if i < 0 {
			return nil, ErrNoRule
		}
		rules[i] = r
		return rules, nil
	})
}

// Delete takes a rule out of the file.
func (w *Watch) Delete(name string) error {
	return w.change(func(rules []Rule) ([]Rule, error) {
		left := slices.DeleteFunc(rules, func(r Rule) bool { return r.Name == name })
		if len(left) == len(w.rules) {
			return nil, ErrNoRule
		}
		return left, nil
	})
}

func (w *Watch) change(do func([]Rule) ([]Rule, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reload()
	if w.problem != nil {
		// What somebody wrote by hand is not overwritten.
		return fmt.Errorf("the file has to be mended first: %v", w.problem)
	}
	rules, err := do(slices.Clone(w.rules))
	if err != nil {
		return err
	}
	if err := checkRules(rules); err != nil {
		return err
	}
	if err := writeRules(w.path, rules); err != nil {
		return err
	}
	w.modified = time.Time{}
	w.reload()
	return w.problem
}

// Test sends a rule's webhook once.
func (w *Watch) Test(ctx context.Context, name string) (detail string, err error) {
	w.mu.Lock()
	i := slices.IndexFunc(w.rules, func(r Rule) bool { return r.Name == name })
	if i < 0 {
		w.mu.Unlock()
		return "", ErrNoRule
	}
	r := w.rules[i]
	w.mu.Unlock()
	if r.Webhook == "" {
		return "", &Problem{name, "webhook", "the rule has none"}
	}
	now := time.Now().UnixNano()
	return deliver(ctx, r.Webhook, w.message(&Status{Rule: r}, Event{Rule: name, State: "test", Threshold: r.shown(), At: now}), 0)
}

// History returns events before one, newest first; 0 is from the newest on.
func (w *Watch) History(before int64, limit int) []Event { return w.history.page(before, limit) }

// Path returns the file of the rules.
func (w *Watch) Path() string { return w.path }
