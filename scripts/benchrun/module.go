package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// generatedModule is a module of many packages in layers, as programs have
// them: each package imports some of the layer below and of the standard
// library, has types, methods and functions of some length. Two functions of
// every eighth package have a directive, the edited one among them.
type generatedModule struct {
	packages int
	lines    int // written by the last write
	turn     int // of edits, so that no text comes twice
}

const (
	packagesPerLayer = 20
	filesPerPackage  = 2
	typesPerFile     = 2
	directiveEvery   = 8 // packages
)

// write puts the module into dir.
func (m *generatedModule) write(dir string) error {
	m.lines = 0
	put := func(name, text string) error {
		m.lines += bytes.Count([]byte(text), []byte("\n"))
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o600)
	}
	if err := put("go.mod", "module example.com/big\n\ngo 1.24\n"); err != nil {
		return err
	}
	for p := range m.packages {
		for f := range filesPerPackage {
			if err := put(fmt.Sprintf("p%03d/f%d.go", p, f), sourceFile(p, f)); err != nil {
				return err
			}
		}
	}
	var app bytes.Buffer
	fmt.Fprintf(&app, "package main\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n\n")
	for p := range m.packages {
		fmt.Fprintf(&app, "\t\"example.com/big/p%03d\"\n", p)
	}
	fmt.Fprintf(&app, ")\n\nfunc main() {\n\tfmt.Println(http.MethodGet)\n")
	for p := range m.packages {
		fmt.Fprintf(&app, "\tfmt.Println(p%03d.Run0(\"x\", %d))\n", p, p)
	}
	fmt.Fprintf(&app, "}\n")
	return put("cmd/app/main.go", app.String())
}

// edit changes one value in the body of a function in the middle of the module.
func (m *generatedModule) edit(dir string, turn int) error {
	middle := m.packages/2 - m.packages/2%directiveEvery + directiveEvery/2
	path := filepath.Join(dir, fmt.Sprintf("p%03d", middle), "f1.go")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	mark := []byte("const seed = ")
	at := bytes.Index(text, mark)
	if at < 0 {
		return fmt.Errorf("%s has no line to edit", path)
	}
	at += len(mark)
	eol := at + bytes.IndexByte(text[at:], '\n')
	edited := append(append(bytes.Clone(text[:at]), fmt.Sprint(turn)...), text[eol:]...)
	return os.WriteFile(path, edited, 0o600)
}

// directive returns what stands above a function of package p.
func directive(p int) string {
	if p%directiveEvery == directiveEvery/2 {
		return "//\n//monitor:trace\n"
	}
	return ""
}

func sourceFile(p, f int) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "package p%03d\n\nimport (\n\t\"errors\"\n\t\"fmt\"\n\t\"sort\"\n\t\"strings\"\n\t\"sync\"\n\t\"time\"\n", p)
	var below []int
	if layer := p / packagesPerLayer; layer > 0 {
		for n := range 3 {
			below = append(below, (layer-1)*packagesPerLayer+(p+f+n*7)%packagesPerLayer)
		}
		fmt.Fprintf(&b, "\n")
		for _, q := range below {
			fmt.Fprintf(&b, "\t\"example.com/big/p%03d\"\n", q)
		}
	}
	fmt.Fprintf(&b, ")\n\nvar errEmpty%d = errors.New(\"empty\")\n", f)
	for t := range typesPerFile {
		fmt.Fprintf(&b, typeText, fmt.Sprintf("%d%d", f, t))
	}
	fmt.Fprintf(&b, "\n// Run%d does what the package is for.\n%sfunc Run%d(name string, n int) (string, error) {\n\tconst seed = 1\n", f, directive(p), f)
	fmt.Fprintf(&b, "\tif name == \"\" {\n\t\treturn \"\", errEmpty%d\n\t}\n\tvar out []string\n", f)
	for t := range typesPerFile {
		fmt.Fprintf(&b, "\t{\n\t\tx := New%d%d(name, n+seed)\n\t\tx.Add(\"a\", n)\n\t\tout = append(out, x.String())\n\t}\n", f, t)
	}
	for i, q := range below {
		fmt.Fprintf(&b, "\tif s, err := p%03d.Run%d(name, n-%d); err == nil {\n\t\tout = append(out, s)\n\t}\n", q, (f+i)%filesPerPackage, i)
	}
	fmt.Fprintf(&b, "\treturn strings.Join(out, \",\"), nil\n}\n")
	return b.String()
}

// typeText is one type with its methods and functions; its one argument names it.
const typeText = `
// Ledger%[1]s keeps counts by name.
type Ledger%[1]s struct {
	mu      sync.Mutex
	name    string
	counts  map[string]int
	created time.Time
	entries []Entry%[1]s
}

// Entry%[1]s is one change.
type Entry%[1]s struct {
	Name  string
	Count int
	At    time.Time
	Tags  []string
}

// New%[1]s returns an empty ledger.
func New%[1]s(name string, size int) *Ledger%[1]s {
	return &Ledger%[1]s{name: name, counts: make(map[string]int, max(size, 0)), created: time.Now()}
}

// Add counts a name.
func (l *Ledger%[1]s) Add(name string, n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[name] += n
	l.entries = append(l.entries, Entry%[1]s{Name: name, Count: n, At: time.Now()})
	return l.counts[name]
}

// Names returns the names in order.
func (l *Ledger%[1]s) Names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.counts))
	for n := range l.counts {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Since returns the entries after a time.
func (l *Ledger%[1]s) Since(at time.Time) (found []Entry%[1]s, err error) {
	if at.Before(l.created) {
		return nil, fmt.Errorf("since %%v: %%w", at, errors.ErrUnsupported)
	}
	for _, e := range l.entries {
		if e.At.After(at) {
			found = append(found, e)
		}
	}
	return found, nil
}

// String returns the counts.
func (l *Ledger%[1]s) String() string {
	var b strings.Builder
	for _, n := range l.Names() {
		fmt.Fprintf(&b, "%%s=%%d ", n, l.counts[n])
	}
	return b.String()
}

func summarise%[1]s(entries []Entry%[1]s, limit int) (text string, total int) {
	for i, e := range entries {
		if i < limit {
			text += strings.ToUpper(e.Name) + ";"
		}
		total += e.Count
	}
	return text, total
}

var _ = summarise%[1]s
`
