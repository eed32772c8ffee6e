package rewrite

import (
	"errors"
	"fmt"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// ConfigName is the file beside go.mod that says what holds for a whole module.
const ConfigName = "monitor.toml"

// config is what a monitor.toml says. The zero value is that of a module without one.
type config struct {
	root    string  // folder of the module
	text    string  // as read; what is remembered of a package depends on it
	options Options // defaults for every directive
	pos     map[string]token.Position
	rules   []*groupRule // in the order in which they are asked
}

// loadConfig reads the monitor.toml of the module in a folder. What is wrong
// with it is reported; a module without one has the defaults.
func loadConfig(r *report, root string) (*config, error) {
	c := &config{root: root}
	if root == "" {
		return c, nil
	}
	path := filepath.Join(root, ConfigName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the module's defaults: %w", err)
	}
	c.text = string(text)
	var tree map[string]any
	if _, err := toml.Decode(c.text, &tree); err != nil {
		r.addAt(tomlPosition(path, err), "%s", tomlMessage(err))
		return c, nil
	}
	c.pos = tomlPositions(path, c.text)
	(&configReader{config: c, report: r, path: path}).read(tree)
	return c, nil
}

func tomlPosition(path string, err error) token.Position {
	pos := token.Position{Filename: path, Line: 1, Column: 1}
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		pos.Offset, pos.Line, pos.Column = syntax.Position.Start, syntax.Position.Line, syntax.Position.Col
	}
	return pos
}

func tomlMessage(err error) string {
	var syntax toml.ParseError
	if errors.As(err, &syntax) && syntax.Message != "" {
		return "not TOML: " + syntax.Message
	}
	return "not TOML: " + strings.TrimPrefix(err.Error(), "toml: ")
}

// configReader turns the tree of a monitor.toml into a config.
type configReader struct {
	*config
	report *report
	path   string
}

// at returns the position of a key, or of the nearest one around it that the
// text names: what stands within an inline table has that of the table.
func (r *configReader) at(key ...string) token.Position {
	for n := len(key); n > 0; n-- {
		if pos, ok := r.pos[tomlKey(key[:n]...)]; ok {
			return pos
		}
	}
	return token.Position{Filename: r.path, Line: 1, Column: 1}
}

var configKeys = []string{"group", "options"}

func (r *configReader) read(tree map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch key {
		case "options":
			table, ok := tree[key].(map[string]any)
			if !ok {
				r.report.addAt(r.at(key), "options is a table: write [options] and the options below it")
				continue
			}
			r.readOptions(table)
		case "group":
			tables, ok := tree[key].([]map[string]any)
			if !ok {
				r.report.addAt(r.at(key), "group is a list of rules: write [[group]], once for each; a default group is the option group in [options]")
				continue
			}
			for i, table := range tables {
				r.readRule(i, table)
			}
		default:
			r.report.addAt(r.at(key), "unknown table or key %q%s", key, DidYouMean(key, configKeys))
		}
	}
	slices.SortStableFunc(r.rules, func(a, b *groupRule) int { return b.priority - a.priority })
}

// readOptions reads the defaults of directive options. A list may be written as
// one, a number as a number.
func (r *configReader) readOptions(table map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		at := r.at("options", key)
		if key == "name" {
			r.report.addAt(at, "option name is for one function, not for a module")
			continue
		}
		text, ok := optionValue(table[key])
		if !ok {
			r.report.addAt(at, "option %s: want a text, a number, true or false, or a list of texts", key)
			continue
		}
		if err := r.options.setPair(key, text); err != nil {
			r.report.addAt(at, "%v", err)
		}
	}
}

// optionValue returns a value as a directive spells it.
func optionValue(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return map[bool]string{true: "on", false: "off"}[v], true
	case []any:
		words, ok := textList(v)
		return strings.Join(words, ","), ok
	}
	return "", false
}

func textList(v any) (words []string, ok bool) {
	list, ok := v.([]any)
	for _, x := range list {
		word, isText := x.(string)
		if !isText || word == "" {
			return nil, false
		}
		words = append(words, word)
	}
	return words, ok
}

// loadConfigs reads those of the modules in the folders.
func loadConfigs(r *report, roots []string) (map[string]*config, error) {
	configs := make(map[string]*config)
	for _, root := range roots {
		if configs[root] != nil {
			continue
		}
		c, err := loadConfig(r, root)
		if err != nil {
			return nil, err
		}
		configs[root] = c
	}
	return configs, nil
}

// rootsOf returns the folders of the modules of packages.
func rootsOf(dir string, pkgs []*sourcePackage) []string {
	var roots []string
	for _, pkg := range pkgs {
		roots = append(roots, rootOf(dir, pkg))
	}
	return roots
}

// rootOf returns the folder of the module of a package; files that are named on the
// command line belong to that of the folder where they are named.
func rootOf(dir string, pkg *sourcePackage) string {
	if pkg.Module != nil {
		return pkg.Module.Dir
	}
	return moduleRoot(dir)
}

// moduleRoot returns the folder of the module that a folder is in, or "".
func moduleRoot(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
