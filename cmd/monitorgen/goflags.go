package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// goLine is the command line of an overlay command, taken apart: what is
// monitorgen's, what decides which files are built, and what the go command
// gets to see.
type goLine struct {
	selectionFlags
	db       string
	serve    bool // -serve: the dashboard, meanwhile and afterwards
	help     bool
	chdir    string   // value of -C
	load     []string // build flags that decide which files are built
	flags    []string // all flags of the go command before the packages
	patterns []string
	rest     []string // what follows the packages: test flags, the program's arguments
	hasCount bool     // -count is given, or tests are only compiled
	noRun    bool     // -c, -n, -list: nothing of the user's runs
	overlay  bool     // -overlay is given
	cover    bool     // coverage is asked for
	toolexec string   // value of -toolexec
}

// Flags of go build, run, test and install that take a value. Those of tests
// have a -test. form too.
var (
	buildValueFlags = strings.Fields("C p asmflags buildmode compiler covermode coverpkg exec gccgoflags gcflags installsuffix ldflags mod modfile overlay pgo pkgdir tags toolexec o")
	testValueFlags  = strings.Fields("bench benchtime blockprofile blockprofilerate count coverprofile cpu cpuprofile fuzz fuzzminimizetime fuzztime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run shuffle skip timeout trace vet")
	testBoolFlags   = strings.Fields("benchmem c failfast fullpath json short artifacts i")
	buildBoolFlags  = strings.Fields("a n race msan asan cover v work x linkshared modcacherw trimpath buildvcs json")
	loadFlags       = strings.Fields("tags trimpath mod modfile race msan asan compiler installsuffix modcacherw")
)

// parseGoLine takes the arguments of `monitorgen build|run|test|install` apart.
func parseGoLine(verb string, args []string) (*goLine, error) {
	g := &goLine{}
	for len(args) > 0 {
		arg := args[0]
		if arg == "-args" || arg == "--args" || arg == "--" {
			g.rest = args
			return g, nil
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			if len(g.patterns) > 0 && verb == "run" && !(isGoFile(arg) && isGoFile(g.patterns[0])) {
				g.rest = args
				return g, nil
			}
			g.patterns = append(g.patterns, arg)
			args = args[1:]
			if verb == "run" && !isGoFile(arg) {
				g.rest = args
				return g, nil
			}
			continue
		}
		n, err := g.flag(verb, args)
		if err != nil {
			return nil, err
		}
		if n == 0 { // not a flag of the go command: it and what follows is the test binary's
			g.rest = args
			return g, nil
		}
		args = args[n:]
	}
	return g, nil
}

func isGoFile(name string) bool { return strings.HasSuffix(name, ".go") }

// flag reads one flag and returns how many arguments it took: 0 if it is not known.
func (g *goLine) flag(verb string, args []string) (int, error) {
	name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-"), "=")
	if n, known, err := g.ownFlag(name, value, joined, args); known {
		return n, err
	}
	plain := name
	if verb == "test" {
		plain = strings.TrimPrefix(name, "test.")
	}
	isTest := verb == "test" && slices.Contains(testValueFlags, plain)
	takesValue := isTest || slices.Contains(buildValueFlags, plain)
	isBool := slices.Contains(buildBoolFlags, plain) || verb == "test" && slices.Contains(testBoolFlags, plain)
	n := 1
	switch {
	case takesValue && !joined:
		if len(args) < 2 {
			return 0, fmt.Errorf("flag -%s needs a value", name)
		}
		n, value = 2, args[1]
	case !takesValue && !isBool:
		if verb == "test" {
			return 0, nil
		}
		// Unknown to us: the go command knows better.
	}
	g.note(plain, value, args[:n])
	return n, nil
}

// note keeps a flag of the go command and what it means for us.
func (g *goLine) note(name, value string, args []string) {
	switch name {
	case "C":
		g.chdir = value
	case "overlay":
		g.overlay = true
	case "cover", "coverprofile", "coverpkg", "covermode":
		g.cover = name != "cover" || value != "false"
	case "toolexec":
		g.toolexec = value
	case "count":
		g.hasCount = true
	case "c", "n", "list":
		g.noRun = true
	}
	if slices.Contains(loadFlags, name) {
		flag := "-" + name
		if len(args) == 2 || strings.Contains(args[0], "=") {
			flag += "=" + value
		}
		g.load = append(g.load, flag)
	}
	if len(g.patterns) > 0 {
		// Behind the packages, where go test takes its flags too.
		g.rest = append(g.rest, args...)
		return
	}
	g.flags = append(g.flags, args...)
}

// ownFlag reads a flag of monitorgen's.
func (g *goLine) ownFlag(name, value string, joined bool, args []string) (n int, known bool, err error) {
	setBool := func(b *bool) (int, bool, error) {
		switch {
		case !joined || value == "true":
			*b = true
		case value == "false":
			*b = false
		default:
			return 1, true, fmt.Errorf("flag -%s: want true or false, not %q", name, value)
		}
		return 1, true, nil
	}
	setString := func(s *string) (int, bool, error) {
		if joined {
			*s = value
			return 1, true, nil
		}
		if len(args) < 2 {
			return 1, true, fmt.Errorf("flag -%s needs a value", name)
		}
		*s = args[1]
		return 2, true, nil
	}
	switch name {
	case "all":
		return setBool(&g.all)
	case "tests":
		return setBool(&g.tests)
	case "generated":
		return setBool(&g.generated)
	case "serve":
		return setBool(&g.serve)
	case "include":
		return setString(&g.include)
	case "exclude":
		return setString(&g.exclude)
	case "db":
		return setString(&g.db)
	case "h", "help":
		g.help = true
		return 1, true, nil
	}
	return 0, false, nil
}

// dir returns the folder in which the go command will work.
func (g *goLine) dir(current string) string {
	if filepath.IsAbs(g.chdir) {
		return g.chdir
	}
	return filepath.Join(current, g.chdir)
}

// goArgs returns the arguments of the go command with the overlay in. -C has
// to stay first. modFlag replaces the value of -mod, unless it is empty. added are Go files that belong to files named on the command line.
func (g *goLine) goArgs(verb, overlay, modFlag string, added []string) []string {
	out := []string{verb}
	flags := g.flags
	if g.chdir != "" {
		out = append(out, "-C="+g.chdir)
		flags = withoutFlag(flags, "C")
	}
	out = append(out, "-overlay="+overlay)
	if modFlag != "" {
		out = append(out, "-mod="+modFlag)
		flags = withoutFlag(flags, "mod")
	}
	if g.cover {
		out = append(out, "-toolexec="+coverExec(overlay, g.toolexec))
		flags = withoutFlag(flags, "toolexec")
	}
	if verb == "test" && !g.hasCount && !g.noRun {
		// A cached result would run, and record, nothing.
		out = append(out, "-count=1")
	}
	out = append(out, flags...)
	out = append(out, g.patterns...)
	out = append(out, added...)
	return append(out, g.rest...)
}

// withoutFlag leaves a flag that takes a value out.
func withoutFlag(flags []string, name string) []string {
	var out []string
	for i := 0; i < len(flags); i++ {
		switch f := strings.TrimLeft(flags[i], "-"); {
		case f == name:
			i++
		case strings.HasPrefix(f, name+"="):
		default:
			out = append(out, flags[i])
		}
	}
	return out
}
