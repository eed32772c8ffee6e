package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const topUsage = `usage: monitorgen top [flags] [FILE | URL]

Top shows the functions of the last minute, those with the most time first, and
again every second, until q or an interrupt. Keys: t by time, c by calls, e by
errors, p by the 95th percentile. FILE is a database, monitor.db if not named;
` + serverText + `

	monitorgen top -sort errors -q 'group:desk.*'

Where it does not write to a terminal it prints one table and ends.
`

// topOrders are the values of -sort; what comes first has more of it.
var topOrders = map[string]string{"time": "total", "calls": "calls", "errors": "errors", "p95": "p95"}

// topInterval is how often top looks again.
const topInterval = time.Second

func runTop(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "top", topUsage)
	var q queryFlag
	q.register(fs)
	sortBy := fs.String("sort", "time", "what comes first: the most `time`, calls, errors or p95")
	window := fs.Duration("window", time.Minute, "how far back, in steps of 10s; 0 for everything")
	n := fs.Int("n", 0, "show `N` functions; 0 shows as many as there are lines, or 20")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	switch {
	case !goOn:
		return code
	case topOrders[*sortBy] == "":
		return e.failf("-sort: no order %q%s", *sortBy, rewrite.DidYouMean(*sortBy, slices.Sorted(maps.Keys(topOrders))))
	case *window < 0 || *n < 0:
		return e.failf("-window and -n cannot be negative")
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	t := &topping{env: e, db: db, query: q, order: *sortBy, window: *window, most: *n}
	if err := t.run(ctx); err != nil && ctx.Err() == nil {
		return e.failQuery(db.Path(), err)
	}
	return exitDone
}

// topping is a top at work.
type topping struct {
	env    *env
	db     reader
	query  queryFlag
	order  string
	window time.Duration
	most   int
}

func (t *topping) run(ctx context.Context) error {
	screen, ok := t.env.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(screen.Fd())) {
		text, err := t.table(ctx, cmp.Or(t.most, 20))
		if err == nil {
			_, err = t.env.stdout.Write(text)
		}
		return err
	}
	return t.live(ctx, screen)
}

// Sequences of a terminal.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // another screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// live draws the table again and again.
func (t *topping) live(ctx context.Context, screen *os.File) error {
	keys := make(chan byte)
	if in, ok := t.env.stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		if before, err := term.MakeRaw(int(in.Fd())); err == nil {
			defer term.Restore(int(in.Fd()), before)
			go readKeys(ctx, in, keys)
		}
	}
	fmt.Fprint(screen, enterScreen)
	defer fmt.Fprint(screen, leaveScreen)
	tick := time.NewTicker(topInterval)
	defer tick.Stop()
	for {
		if err := t.draw(ctx, screen); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case key := <-keys:
			switch key {
			case 'q', 3, 4: // ^C, ^D: raw mode makes no signals of them
				return nil
			case 't':
				t.order = "time"
			case 'c':
				t.order = "calls"
			case 'e':
				t.order = "errors"
			case 'p':
				t.order = "p95"
			}
		}
	}
}

// readKeys ends with the process: a read cannot be called off.
func readKeys(ctx context.Context, in *os.File, keys chan<- byte) {
	var b [1]byte
	for {
		if n, err := in.Read(b[:]); n == 0 || err != nil {
			return
		}
		select {
		case keys <- b[0]:
		case <-ctx.Done():
			return
		}
	}
}

func (t *topping) draw(ctx context.Context, screen *os.File) error {
	width, height, err := term.GetSize(int(screen.Fd()))
	if err != nil || width <= 0 || height <= 0 { // a terminal may not know its size
		width, height = 80, 24
	}
	rows := max(height-3, 1)
	if t.most > 0 {
		rows = min(rows, t.most)
	}
	text, err := t.table(ctx, rows)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString(home)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > width {
			line = cut(line, width)
		}
		out.WriteString(line + clearLine + "\r\n")
	}
	out.WriteString(clearBelow)
	_, err = screen.Write(out.Bytes())
	return err
}

// table returns the text of one look: a line of sums, then the functions.
func (t *topping) table(ctx context.Context, rows int) ([]byte, error) {
	all, err := t.db.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	catalog, sums := aggregate.NewCatalog(all), aggregate.Sums[aggregate.Name]{}
	f := query.Filter{Query: t.query.Query}
	if t.window > 0 {
		f.Since = time.Now().Add(-t.window)
	}
	_, err = t.db.Cells(ctx, f, 10*time.Second, func(c *query.Cell) {
		if name, ok := catalog.NameOf(c.Function); ok {
			sums.Add(name, c)
		}
	})
	if err != nil {
		return nil, err
	}
	var whole aggregate.Sum
	names := slices.Collect(maps.Keys(sums))
	for _, s := range sums {
		whole.Merge(s)
	}
	slices.SortFunc(names, func(a, b aggregate.Name) int {
		x, _ := sums[a].Measure(topOrders[t.order])
		y, _ := sums[b].Measure(topOrders[t.order])
		return cmp.Or(cmp.Compare(y, x), strings.Compare(a.Process, b.Process), strings.Compare(a.Group, b.Group))
	})
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s  %s, %s, %s, by %s\n\n", time.Now().Format(time.TimeOnly),
		plural(int64(len(names)), "function"), plural(whole.Calls, "call"), plural(whole.Errors, "error"), t.order)
	table := textTable{head: strings.Fields("CALLS ERRORS TIME P50 P95 MAX FUNCTION"), right: slices.Repeat([]bool{true}, 6)}
	for _, name := range names[:min(rows, len(names))] {
		var cells []string
		for _, measure := range []string{"calls", "errors", "total", "p50", "p95", "max"} {
			cells = append(cells, measureText(measure, sums[name]))
		}
		table.add(append(cells, oneLine(name.Process))...)
	}
	table.print(&out)
	return out.Bytes(), nil
}
