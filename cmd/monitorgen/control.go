package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/monitorgen/monitorgen/sink/control"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const controlUsage = `usage: monitorgen control [flags] [FILE] [FUNCTION LEVEL] [sample=R]

Control shows what is recorded of each function, and changes it: in programs that
run, at their next call, and in those that start later with the same database.
FILE is a database, monitor.db if not named. FUNCTION is a process, a function's
name, with its package's path or without, or a pattern with * for any text.

LEVEL is

	full    what the directive says
	args    arguments, but no results
	timing  neither
	off     nothing, not even errors: of such a function an error is seen only
	        where a recorded caller returns it

and sample=R keeps that share of the calls, 0 to 1, whatever the directive's sample=
and rate= say; errors are recorded all the same. "reset" in place of both goes back
to the directive.

	monitorgen control desk.db 'store.*' timing
	monitorgen control desk.db Price full sample=0.01
	monitorgen control desk.db '*' reset

The JSON is {"functions": [...], "processes": how many run}, each function with
process, package, name, group, level, sample (null: as the directive says), set
(whether control has set it), directive, and running: in how many processes it is.
A change adds "changed", "told" and "deaf", the pids of processes that cannot be
reached from here: those in other containers take it up when they start anew.
`

// controlEntry is a function in the JSON of control.
type controlEntry struct {
	Process   string   `json:"process"`
	Package   string   `json:"package"`
	Name      string   `json:"name"`
	Group     string   `json:"group"`
	Level     string   `json:"level"`
	Sample    *float64 `json:"sample"`
	Set       bool     `json:"set"`
	Directive string   `json:"directive"`
	Running   int      `json:"running"`

	key uint64
}

// controlReport is the JSON of control.
type controlReport struct {
	Functions []*controlEntry `json:"functions"`
	Processes int             `json:"processes"`
	Changed   *int            `json:"changed,omitempty"`
	Told      *int            `json:"told,omitempty"`
	Deaf      []int           `json:"deaf,omitempty"`
}

func runControl(ctx context.Context, e *env, args []string) int {
	flags := newFlags(e, "control", controlUsage)
	folder := flags.String("spool", "", "the spool `folder`; $MONITOR_SPOOL or FILE-spool if not named")
	asJSON := flags.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, flags, args); !goOn {
		return code
	}
	name, order, err := parseControl(flags.Args())
	if err != nil {
		return e.failf("%v", err)
	}
	if isURL(name) {
		return e.notOnServers("control", name)
	}
	db := e.database(name)
	dir := e.spoolOf(db)
	if *folder != "" {
		dir = e.path(*folder)
	}
	report, err := e.controllable(ctx, db, dir)
	if err != nil {
		return e.failQuery(db, err)
	}
	if len(report.Functions) == 0 {
		return e.failf("no function was recorded into %s, and nothing records into %s", e.shortPath(db), e.shortPath(dir))
	}
	if order == nil {
		e.printControl(report, *asJSON)
		return exitDone
	}
	chosen, err := order.choose(report.Functions)
	if err != nil {
		return e.failf("%v", err)
	}
	told, err := control.Change(dir, func(s *control.Settings) { order.apply(s, chosen) })
	if err != nil {
		return e.failf("%v", err)
	}
	n := len(chosen)
	report.Functions, report.Changed, report.Told, report.Deaf = chosen, &n, &told.Processes, told.Deaf
	e.printControl(report, *asJSON)
	if !*asJSON {
		e.printTold(n, told)
	}
	return exitDone
}

// controlOrder is what is to be changed.
type controlOrder struct {
	pattern string
	reset   bool
	level   *control.Level // nil: stays
	sample  *float64       // nil: stays
}

// parseControl reads [FILE] [FUNCTION LEVEL] [sample=R].
func parseControl(args []string) (file string, order *controlOrder, err error) {
	order = &controlOrder{}
	var words []string
	for _, arg := range args {
		if share, ok := strings.CutPrefix(arg, "sample="); ok {
			r, err := strconv.ParseFloat(share, 64)
			if err != nil || !(r >= 0 && r <= 1) {
				return "", nil, fmt.Errorf("%s: a share from 0 to 1 is wanted, as in sample=0.1", arg)
			}
			order.sample = &r
			continue
		}
		words = append(words, arg)
	}
	if last := len(words) - 1; last >= 1 {
		level, err := control.ParseLevel(words[last])
		switch {
		case words[last] == "reset" && order.sample != nil:
			return "", nil, errors.New("reset takes no sample: it goes back to the directive's")
		case words[last] == "reset":
			order.reset, words = true, words[:last]
		case err == nil:
			order.level, words = &level, words[:last]
		case order.sample == nil || last > 1:
			return "", nil, fmt.Errorf("%w%s", err, rewrite.DidYouMean(words[last], []string{"off", "timing", "args", "full", "reset"}))
		}
	}
	changes := order.reset || order.level != nil || order.sample != nil
	switch {
	case !changes && len(words) <= 1:
		return strings.Join(words, ""), nil, nil
	case len(words) == 1:
		return "", withPattern(order, words[0]), nil
	case len(words) == 2:
		return words[0], withPattern(order, words[1]), nil
	}
	return "", nil, fmt.Errorf("control takes [FILE] [FUNCTION LEVEL] [sample=R], not %q; flags come first", args)
}

func withPattern(order *controlOrder, pattern string) *controlOrder {
	order.pattern = pattern
	return order
}

// choose returns the functions that the pattern means.
func (o *controlOrder) choose(all []*controlEntry) ([]*controlEntry, error) {
	var chosen []*controlEntry
	for _, f := range all {
		if control.Matches(o.pattern, f.Process, f.Package, f.Name) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	names := map[string]bool{}
	for _, f := range all {
		names[f.Process], names[f.Name] = true, true
	}
	hint := rewrite.DidYouMean(o.pattern, slices.Sorted(maps.Keys(names)))
	if !strings.Contains(hint, "did you mean") {
		hint = "; monitorgen control without a function lists them"
	}
	return nil, fmt.Errorf("no function %q%s", o.pattern, hint)
}

// apply changes the settings of the functions, and what is shown of them.
func (o *controlOrder) apply(s *control.Settings, chosen []*controlEntry) {
	for _, f := range chosen {
		if o.reset {
			s.Reset(f.key)
		} else {
			setting, _ := s.Of(f.key)
			if o.level != nil {
				setting.Level = *o.level
			}
			if o.sample != nil {
				setting.Sample = o.sample
			}
			s.Set(f.key, setting)
		}
		f.show(s)
	}
}

// show takes in what is in force.
func (f *controlEntry) show(s *control.Settings) {
	setting, set := s.Of(f.key)
	f.Level, f.Sample, f.Set = control.LevelName(setting.Level), setting.Sample, set
}

// controllable returns the functions of the database and of what runs, with what
// is in force.
func (e *env) controllable(ctx context.Context, path, spool string) (*controlReport, error) {
	settings, err := control.Read(spool)
	if errors.Is(err, control.ErrDamaged) {
		fmt.Fprintf(e.stderr, "monitorgen: %v; the next change writes it anew\n", err)
		settings = &control.Settings{}
	} else if err != nil {
		return nil, err
	}
	byKey := map[uint64]*controlEntry{}
	if err := addRecorded(ctx, byKey, path); err != nil {
		return nil, err
	}
	running, err := control.Running(spool)
	if err != nil {
		return nil, err
	}
	for _, p := range running {
		for _, f := range p.Functions {
			entry := byKey[f.Key]
			if entry == nil {
				entry = &controlEntry{key: f.Key, Process: f.Process, Package: f.Package, Name: f.Name, Group: f.Group, Directive: f.Options}
				byKey[f.Key] = entry
			}
			entry.Running++
		}
	}
	for _, key := range settings.Keys() { // of functions that are gone, or of programs that were never stored
		if byKey[key] == nil {
			byKey[key] = &controlEntry{key: key, Process: fmt.Sprintf("unknown function %016x", key)}
		}
	}
	report := &controlReport{Functions: []*controlEntry{}, Processes: len(running)}
	for _, f := range byKey {
		f.show(settings)
		report.Functions = append(report.Functions, f)
	}
	slices.SortFunc(report.Functions, func(a, b *controlEntry) int {
		return cmp.Or(strings.Compare(a.Process, b.Process), strings.Compare(a.Package, b.Package), cmp.Compare(a.key, b.key))
	})
	return report, nil
}

// addRecorded adds the functions of a database; one that is not there yet, or
// empty, has none.
func addRecorded(ctx context.Context, byKey map[uint64]*controlEntry, path string) error {
	db, err := query.Open(ctx, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, query.ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	recorded, err := db.Controllable(ctx)
	for _, f := range recorded {
		byKey[f.Key] = &controlEntry{key: f.Key, Process: f.Process, Package: f.Package, Name: f.Name, Group: f.Group, Directive: f.Options}
	}
	return err
}

func (e *env) printControl(r *controlReport, asJSON bool) {
	if asJSON {
		e.printJSON(r)
		return
	}
	t := textTable{head: []string{"LEVEL", "SAMPLE", "RUNNING", "FUNCTION", "DIRECTIVE"}, right: []bool{false, true, true}}
	for _, f := range r.Functions {
		sample := ""
		if f.Sample != nil {
			sample = strconv.FormatFloat(*f.Sample, 'g', 4, 64)
		}
		t.add(f.Level, sample, fmt.Sprint(f.Running), oneLine(f.Process), oneLine(f.Directive))
	}
	t.print(e.stdout)
}

// printTold says what came of a change.
func (e *env) printTold(changed int, told control.Told) {
	fmt.Fprintf(e.stdout, "%s changed, %s told\n", plural(int64(changed), "function"), plural(int64(told.Processes), "running process"))
	for _, pid := range told.Deaf {
		fmt.Fprintf(e.stderr, "monitorgen: process %d cannot be reached from here: it takes this up when it starts anew\n", pid)
	}
}
