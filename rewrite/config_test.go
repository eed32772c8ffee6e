package rewrite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// planWith makes the plan of every function of a module with a monitor.toml.
func planWith(t *testing.T, toml string, files map[string]string) (*Plan, error) {
	t.Helper()
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "go.mod"), []byte("module example.com/shop/v2\n\ngo 1.21\n"))
	writeTestFile(t, filepath.Join(dir, ConfigName), []byte(toml))
	for name, text := range files {
		writeTestFile(t, filepath.Join(dir, name), []byte(text))
	}
	return MakePlan(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}, All: true})
}

func TestConfigDiagnostics(t *testing.T) {
	for _, tt := range []struct {
		name, toml string
		want       string // line:col: message; empty: none
	}{
		{"empty", "", ""},
		{"everything", "[options]\nsample = 0.5\nrate = \"100/s\"\nslow = \"1ms\"\nargs = [\"id\", \"qty\"]\nresult = \"none\"\nmask = \"card\"\nmax = 10\ndepth = 2\ndeep = [\"id\"]\niter = true\ngroup = \"shop\"\n", ""},
		{"no TOML", "[options]\nsample = \n", "2:10: not TOML: "},
		{"twice", "[options]\nmax = 1\nmax = 2\n", "3:9: not TOML: Key"},
		{"unknown table", "\n[option]\nmax = 1\n", `2:1: unknown table or key "option"; did you mean "options"?`},
		{"unknown key", "sample = 1\n", `1:1: unknown table or key "sample"; known are group, options`},
		{"unknown option", "[options]\n  smaple = 1\n", `2:3: unknown option "smaple"; did you mean "sample"?`},
		{"bad option", "[options]\nmax = 1\nsample = 2\n", `3:1: bad value "2" for option sample: want a share from 0 to 1`},
		{"dotted", "options.sample = 2\n", `1:1: bad value "2" for option sample`},
		{"date", "[options]\nslow = 1979-05-27\n", `2:1: option slow: want a text, a number, true or false, or a list of texts`},
		{"name", "[options]\nname = \"x\"\n", `2:1: option name is for one function, not for a module`},
		{"options no table", "options = 1\n", `1:1: options is a table: write [options]`},
		{"group no list", "[group]\nstrategy = \"depth\"\n", `1:1: group is a list of rules: write [[group]]`},
		{"no strategy", "[[group]]\npriority = 1\n", `1:1: a rule without a strategy: add strategy = one of depth, layer, meaning, pattern`},
		{"unknown strategy", "[[group]]\nstrategy = \"leyer\"\n", `2:1: unknown strategy "leyer"; did you mean "layer"?`},
		{"key of another strategy", "[[group]]\nstrategy = \"layer\"\n\n[[group]]\nstrategy = \"depth\"\ndepth = 1\nmatch = \"x\"\n", `7:1: strategy depth has no key "match"; known are depth, skip, group, priority, strategy`},
		{"misspelt key", "[[group]]\nstrategy = \"layer\"\nprioritiy = 1\n", `3:1: strategy layer has no key "prioritiy"; did you mean "priority"?`},
		{"no depth", "[[group]]\nstrategy = \"depth\"\n", `1:1: strategy depth needs depth = the number of folders that count`},
		{"bad depth", "[[group]]\nstrategy = \"depth\"\ndepth = 0\n", `3:1: bad value for depth: want the number of folders, from 1 to 32`},
		{"bad skip", "[[group]]\nstrategy = \"depth\"\ndepth = 1\nskip = \"internal\"\n", `4:1: bad value for skip: want names of folders such as`},
		{"bad priority", "[[group]]\nstrategy = \"layer\"\npriority = \"high\"\n", `3:1: bad value for priority: want a whole number`},
		{"bad pattern", "[[group]]\nstrategy = \"pattern\"\nmatch = '('\ngroup = \"x\"\n", `3:1: bad value for match: want a regular expression: error parsing regexp`},
		{"no match", "[[group]]\nstrategy = \"pattern\"\ngroup = \"x\"\n", `1:1: strategy pattern needs match = a regular expression`},
		{"no group", "[[group]]\nstrategy = \"pattern\"\nmatch = \"x\"\n", `1:1: strategy pattern needs group = the name of the group`},
		{"bad group", "[[group]]\nstrategy = \"layer\"\ngroup = 1\n", `3:1: bad value for group: want a name`},
		{"word twice", "[[group]]\nstrategy = \"layer\"\n[group.layers]\nio = [\"store\"]\nnet = [\"stores\"]\n", `3:1: bad value for layers: want each word once: "store" stands for io and for net`},
		{"bad words", "[[group]]\nstrategy = \"layer\"\nlayers = { io = \"store\" }\n", `3:1: bad value for layers: want a list of words for io`},
		{"no meaning", "[[group]]\nstrategy = \"meaning\"\nwords = { raeds = [\"pull\"] }\n", `3:1: bad value for words: want meanings, and "raeds" is none; did you mean "reads"?`},
		{"a group that is no name", "[[group]]\nstrategy = \"pattern\"\nmatch = '(G)et'\ngroup = \"$2\"\n", `1:1: rule pattern gives example.com/shop/v2.Get the group "", which is no name`},
		{"keys in texts and comments", "# [options]\nx = '''\n[options]\nmax = 0\n''' # y = 1\n\"a.b\" = [\n  \"max = 0\",\n]\n[options]\nmax = 0\n", `2:1: unknown table or key "x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := planWith(t, tt.toml, map[string]string{"shop.go": "package shop\n\nfunc Get() {}\n"})
			if tt.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no diagnostic", err)
				}
				return
			}
			ds, ok := AsDiagnostics(err)
			if !ok {
				t.Fatalf("got %v, want diagnostics", err)
			}
			first := strings.TrimPrefix(ds[0].String(), ds[0].File+":")
			if filepath.Base(ds[0].File) != ConfigName || !strings.HasPrefix(first, tt.want) {
				t.Errorf("got %s\nwant %s", ds[0], tt.want)
			}
		})
	}
}

// TestTOMLPositions has what a line by line search would get wrong.
func TestTOMLPositions(t *testing.T) {
	const text = "a = \"\"\"x \\\"\"\"\n\"\"\"\"\nb.c = 1 # d = 1\n['e'.\"f\"]\n  g = { h = 1 }\n[[i]]\n[[i.j]]\nk = [ [1], # ]\n [2] ]\n[[i.j]]\nk = '\\'\n[[i]]\n[i.l]\nm = 1\r\n\n[[i.j]]\nk = 1"
	got := tomlPositions("f", text)
	for key, want := range map[string]string{
		"a": "1:1", "b.c": "3:1", "e.f": "4:1", "e.f.g": "5:3", "i.0": "6:1", "i.0.j.0": "7:1", "i.0.j.0.k": "8:1",
		"i.0.j.1": "10:1", "i.0.j.1.k": "11:1", "i.1": "12:1", "i.1.l.m": "14:1", "i.1.j.0.k": "17:1",
	} {
		pos, ok := got[strings.ReplaceAll(key, ".", "\x00")]
		if line := fmt.Sprintf("%d:%d", pos.Line, pos.Column); !ok || line != want {
			t.Errorf("%s is at %s, want %s", key, line, want)
		}
	}
}

func TestGroups(t *testing.T) {
	files := map[string]string{
		"shop.go":                    "package shop\n\nfunc Main() {}\n",
		"internal/order/price.go":    "package order\n\nfunc CalcPrice() {}\nfunc odd() {}\n",
		"internal/order/sql/rows.go": "package sql\n\ntype OrderRepository struct{}\n\nfunc (*OrderRepository) FindAll() {}\n",
		"internal/postgres/db.go":    "package postgres\n\nfunc Odd() {}\n",
		"handlers/web.go":            "package handlers\n\n//monitor:trace group=own\nfunc Asked() {}\n\nfunc orderHandler() {}\n\ntype Cart struct{}\n\nfunc (c Cart) AddItem() {}\n",
	}
	tests := []struct {
		name, toml string
		want       string // of Main, CalcPrice, odd, FindAll, Asked, orderHandler, AddItem, Odd: group by what at which line
	}{
		{"nothing", "", "example.com/shop/v2 package path|example.com/shop/v2/internal/order package path|example.com/shop/v2/internal/order package path|" +
			"example.com/shop/v2/internal/order/sql package path|own directive 3|example.com/shop/v2/handlers package path|example.com/shop/v2/handlers package path|example.com/shop/v2/internal/postgres package path"},
		{"a default", "[options]\n\ngroup = \"all\"\n", "all options 3|all options 3|all options 3|all options 3|own directive 3|all options 3|all options 3|all options 3"},
		{"depth", "[[group]]\nstrategy = \"depth\"\ndepth = 2\n", "shop depth 1|internal.order depth 1|internal.order depth 1|internal.order depth 1|own directive 3|handlers depth 1|handlers depth 1|internal.postgres depth 1"},
		{"depth without internal", "[[group]]\nstrategy = \"depth\"\ndepth = 1\nskip = [\"internal\"]\ngroup = \"m.$1\"\n",
			"m.shop depth 1|m.order depth 1|m.order depth 1|m.order depth 1|own directive 3|m.handlers depth 1|m.handlers depth 1|m.postgres depth 1"},
		{"pattern and the rest", "[options]\ngroup = \"rest\"\n[[group]]\nstrategy = \"pattern\"\nmatch = 'internal/(\\w+).*\\.(Calc|Find)'\ngroup = \"${1}s\"\n",
			"rest options 2|orders pattern 3|rest options 2|orders pattern 3|own directive 3|rest options 2|rest options 2|rest options 2"},
		{"layer, then meaning, then depth", "[[group]]\nstrategy = \"depth\"\ndepth = 1\npriority = -1\n[[group]]\nstrategy = \"layer\"\npriority = 10\n[[group]]\nstrategy = \"meaning\"\npriority = 5\ngroup = \"fn.$1\"\n",
			"shop depth 1|fn.computes meaning 8|internal depth 1|storage layer 5|own directive 3|api layer 5|api layer 5|storage layer 5"},
		{"meanings of one's own", "[[group]]\nstrategy = \"meaning\"\nwords = { reads = [\"odd\"], serves = [\"find\"] }\n",
			"example.com/shop/v2 package path|computes meaning 1|reads meaning 1|serves meaning 1|own directive 3|serves meaning 1|writes meaning 1|reads meaning 1"},
		{"layers of one's own", "[[group]]\nstrategy = \"layer\"\nlayers.core = [\"orders\"]\nlayers.edge = [\"cart\", \"handlers\"]\n",
			"example.com/shop/v2 package path|core layer 1|core layer 1|core layer 1|own directive 3|edge layer 1|edge layer 1|example.com/shop/v2/internal/postgres package path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := planWith(t, tt.toml, files)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]string)
			for _, pkg := range plan.Packages {
				for _, f := range pkg.Files {
					for _, fn := range f.Functions {
						got[ownName(fn.Name)] = strings.TrimSuffix(fmt.Sprintf("%s %s %d", fn.Group, fn.Decided.By, fn.Decided.Pos.Line), " 0")
					}
				}
			}
			var list []string
			for _, name := range []string{"Main", "CalcPrice", "odd", "FindAll", "Asked", "orderHandler", "AddItem", "Odd"} {
				list = append(list, got[name])
			}
			if text := strings.Join(list, "|"); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	plan, err := planWith(t, "[options]\nsample = 0.5\nmask = [\"card\"]\nargs = \"none\"\nmax = 100\n", map[string]string{
		"m.go": "//monitor:package max=200\npackage m\n\n//monitor:trace mask=pin args=all\nfunc F(card, pin string) {}\n\nfunc G() {\n\t//monitor:trace sample=1\n\tf := func() {}\n\tf()\n}\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"F": "args=all mask=card,pin max=200 sample=0.5", "G": "args=none mask=card max=200 sample=0.5", "G.f": "args=none mask=card max=200 sample=1",
	}
	for _, fn := range plan.Packages[0].Files[0].Functions {
		if got := fn.OptionText(); got != want[fn.Name] {
			t.Errorf("%s: %s, want %s", fn.Name, got, want[fn.Name])
		}
		delete(want, fn.Name)
	}
	if len(want) > 0 {
		t.Errorf("not in the plan: %v", want)
	}
}

func TestNameWords(t *testing.T) {
	for name, want := range map[string]string{"loadHTTPPage": "load http page", "ServeHTTP": "serve http", "get_id": "get id", "X": "x", "_": "", "über": "über", "v2Load": "v2 load"} {
		if got := strings.Join(nameWords(name), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
