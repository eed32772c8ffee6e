package rewrite

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The go command's cover tool reads the files of a package past any overlay,
// and what it says of a program should not depend on recording. So it gets what
// it would get without an overlay, the files on disk, and the edits of the
// overlay are made once more, in what it wrote:
//
//	func Price() int {                                   the file
//	func Price() int {goCover_0[0] = 1; ...              what the tool makes of it
//	func Price() (r int) { defer ...;goCover_0[0] = 1;   what is compiled
//
// Files that only the overlay has, the companions, are passed on as they are.

// ErrCover says that the cover tool was called, or wrote, otherwise than this
// package knows.
var ErrCover = errors.New("coverage and recording do not come together with this version of go: run them apart")

// CoverVersion changes with what CoverTool makes of the same files.
const CoverVersion = "1"

// CoverTool stands in for the go command's cover tool in a build with an
// overlay. args are the tool's arguments; run calls it with other ones.
func CoverTool(overlayJSON string, args []string, run func(args []string) error) error {
	c, err := parseCover(args)
	if err != nil {
		return err
	}
	if c.pkgcfg == "" {
		return run(args) // not part of a build
	}
	if c.replace, err = readOverlay(overlayJSON); err != nil {
		return err
	}
	if c.outputs, err = readLines(c.outList); err != nil {
		return err
	}
	if len(c.outputs) != len(c.inputs)+1 {
		return fmt.Errorf("%w: %d files in, %d out", ErrCover, len(c.inputs), len(c.outputs))
	}
	return c.cover(run)
}

// coverRun is one call of the cover tool: for one package.
type coverRun struct {
	flags   []string
	pkgcfg  string
	outList string   // file that lists the outputs
	counter string   // what the tool's variables begin with
	inputs  []string // as the go command sees them
	outputs []string // the file of the counters, then one per input
	replace map[string]string
}

func parseCover(args []string) (*coverRun, error) {
	c := &coverRun{}
	set := flag.NewFlagSet("cover", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.pkgcfg, "pkgcfg", "", "")
	set.StringVar(&c.outList, "outfilelist", "", "")
	set.StringVar(&c.counter, "var", "", "")
	for _, name := range []string{"mode", "o", "html", "func"} {
		set.String(name, "", "")
	}
	if err := set.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCover, err)
	}
	c.inputs = set.Args()
	c.flags = args[:len(args)-len(c.inputs)]
	return c, nil
}

func readOverlay(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the overlay: %w", err)
	}
	var o struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("read the overlay %s: %w", path, err)
	}
	return o.Replace, nil
}

func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}

// cover runs the tool over what is on disk and edits what it wrote.
func (c *coverRun) cover(run func(args []string) error) error {
	own, err := c.isRuntime()
	if err != nil {
		return err
	}
	inputs, outputs := []string(nil), c.outputs[:1]
	for i, in := range c.inputs {
		if out := c.outputs[i+1]; own || c.added(in) {
			err = c.pass(in, out)
		} else {
			inputs, outputs = append(inputs, in), append(outputs, out)
		}
		if err != nil {
			return err
		}
	}
	args, err := c.args(inputs, outputs)
	if err != nil {
		return err
	}
	if err := run(args); err != nil {
		return err
	}
	for i, in := range inputs {
		if err := c.edit(in, outputs[i+1]); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	return nil
}

// isRuntime tells whether the package is one of the recorder's own, which
// -coverpkg=all means too: what counts in it would count for every call.
func (c *coverRun) isRuntime() (bool, error) {
	text, err := os.ReadFile(c.pkgcfg)
	if err != nil {
		return false, err
	}
	var cfg struct{ PkgPath string }
	if err := json.Unmarshal(text, &cfg); err != nil {
		return false, fmt.Errorf("%w: %w", ErrCover, err)
	}
	return runtimePackages[cfg.PkgPath], nil
}

// added tells whether only the overlay has a file.
func (c *coverRun) added(path string) bool {
	if _, ok := c.replace[path]; !ok {
		return false
	}
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// actual returns where the text of a file is.
func (c *coverRun) actual(path string) string {
	if kept, ok := c.replace[path]; ok {
		return kept
	}
	return path
}

// pass writes a file as the tool would, without counters.
func (c *coverRun) pass(in, out string) error {
	text, err := os.ReadFile(c.actual(in))
	if err != nil {
		return err
	}
	return os.WriteFile(out, append([]byte(lineHeader(in)), text...), 0o666)
}

// lineHeader is what the tool begins its files with.
func lineHeader(path string) string { return "//line " + path + ":1:1\n" }

// args returns the tool's arguments for some of its files. Without any it gets
// one that says nothing but the package: it has to write the counters' file.
func (c *coverRun) args(inputs, outputs []string) ([]string, error) {
	dir := filepath.Dir(c.outList)
	if len(inputs) == 0 {
		file, err := parser.ParseFile(token.NewFileSet(), c.actual(c.inputs[0]), nil, parser.PackageClauseOnly)
		if err != nil {
			return nil, err
		}
		empty := filepath.Join(dir, "monitor_empty.go")
		if err := os.WriteFile(empty, []byte("package "+file.Name.Name+"\n"), 0o666); err != nil {
			return nil, err
		}
		inputs, outputs = []string{empty}, append(outputs, empty+".cover")
	}
	list := filepath.Join(dir, "monitor_outputs.txt")
	if err := os.WriteFile(list, []byte(strings.Join(outputs, "\n")+"\n"), 0o666); err != nil {
		return nil, err
	}
	args := append([]string(nil), c.flags...)
	return append(append(args, "-outfilelist", list), inputs...), nil // the last one counts
}

// edit makes the edits of the overlay in what the tool wrote of a file.
func (c *coverRun) edit(in, out string) error {
	kept, ok := c.replace[in]
	if !ok {
		return nil
	}
	e, err := loadEdits(kept)
	if err != nil {
		return err
	}
	src, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	covered, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	moved, err := e.moved(src, covered, c.places(in, src, covered))
	if err != nil {
		return err
	}
	text, err := moved.apply(covered)
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o666)
}

// places returns where each byte of the source stands in what the tool made of
// it; fewer, if something cannot be found again. The tool inserts: counters, an
// import or two behind the package's name, and braces around the if of an else.
func (c *coverRun) places(path string, src, covered []byte) []int {
	counters := regexp.MustCompile(`^(?:_cover_atomic_\.\w+\(&)?` + regexp.QuoteMeta(c.counter) + `_[^\n]*?(?: ; |;)` +
		`|^; import _cover_atomic_ "sync/atomic"|^; import _ "runtime/coverage"`)
	at := len(lineHeader(path))
	if at > len(covered) || string(covered[:at]) != lineHeader(path) {
		return nil
	}
	var places []int
	for _, b := range src {
		for at < len(covered) {
			if covered[at] == '_' || covered[at] == ';' || covered[at] == c.counter[0] {
				if n := len(counters.Find(covered[at:])); n > 0 {
					at += n
					continue
				}
			}
			if covered[at] == b {
				break
			}
			if covered[at] != '{' && covered[at] != '}' {
				return places
			}
			at++
		}
		if at == len(covered) {
			return places
		}
		places = append(places, at)
		at++
	}
	return places
}

// moved returns the edits of src as edits of a text in which the bytes of src
// stand at places. What is inserted stays behind the byte in front of it.
func (e *edits) moved(src, text []byte, places []int) (*edits, error) {
	if len(places) != len(src) {
		return nil, fmt.Errorf("%w: %d of %d bytes found again", ErrCover, len(places), len(src))
	}
	out := &edits{}
	for _, x := range e.list {
		if x.to > len(src) || x.from > x.to || x.from < 1 {
			return nil, fmt.Errorf("%w: the file has changed since", ErrCover)
		}
		if x.from == x.to {
			out.insert(places[x.from-1]+1, x.text)
			continue
		}
		from, to := places[x.from], places[x.to-1]+1
		if string(text[from:to]) != string(src[x.from:x.to]) {
			return nil, fmt.Errorf("%w: both change %q", ErrCover, src[x.from:x.to])
		}
		out.replace(from, to, x.text)
	}
	return out, nil
}

// editsName is the file beside a text of the overlay that says how it was made.
const editsName = ".edits.json"

// storedEdit is an edit as it is kept.
type storedEdit struct {
	From, To int
	Text     string
}

// keepEdits stores how a kept text was made.
func keepEdits(kept string, e *edits) error {
	var list []storedEdit
	for _, x := range e.list {
		list = append(list, storedEdit{x.from, x.to, x.text})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(kept + editsName); err == nil && string(old) == string(text) {
		return nil
	}
	return writeFile(kept+editsName, text, 0o600)
}

func loadEdits(kept string) (*edits, error) {
	text, err := os.ReadFile(kept + editsName)
	if err != nil {
		return nil, fmt.Errorf("read the overlay's edits: %w", err)
	}
	var list []storedEdit
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read the overlay's edits: %w", err)
	}
	e := &edits{}
	for _, x := range list {
		e.replace(x.From, x.To, x.Text)
	}
	return e, nil
}
