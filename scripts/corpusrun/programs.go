package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// programs are the programs of Go's own test suite, below GOROOT/test, that are
// one file: each says by what it prints, and by how it ends, whether the language
// does what it should.
type programs struct {
	root  string // GOROOT/test
	dir   string // a module with a folder for each
	tool  string // the monitorgen binary
	files []string
}

// exceptions are programs that ask for what a recorded one cannot have.
var exceptions = map[string]string{
	"closure.go": "it counts allocations, and needs functions inlined",
	"noinit.go":  "it wants a package that has nothing to initialise; a recorded one makes its functions known",
}

// programTimeout is how long a program may take, recorded or not.
const programTimeout = 2 * time.Minute

// newPrograms chooses every nth program, and writes the module.
func newPrograms(ctx context.Context, root, tool string, nth int) (*programs, error) {
	goroot, err := output(ctx, ".", nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	p := &programs{root: filepath.Join(strings.TrimSpace(string(goroot)), "test"), dir: filepath.Join(root, "programs"), tool: tool}
	all, err := p.find()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "go.mod"), []byte("module programs\n\ngo 1.26\n"), 0o600); err != nil {
		return nil, err
	}
	for i := 0; i < len(all); i += nth {
		if err := p.add(all[i]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

var (
	runLine  = regexp.MustCompile(`(?m)\A(?://.*\n)?// run\n`)
	mainLine = regexp.MustCompile(`(?m)^package main$`)
)

// find returns the files of programs that are run without flags, below the root.
func (p *programs) find() (files []string, err error) {
	err = filepath.WalkDir(p.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasSuffix(path, ".dir") {
			return fs.SkipDir // a program of several packages
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && runLine.Match(text) && mainLine.Match(text) {
			rel, _ := filepath.Rel(p.root, path) // path is below root
			files = append(files, rel)
		}
		return err
	})
	return files, err
}

// add copies a program into a folder of its own, under its own name: some look for it.
func (p *programs) add(file string) error {
	text, err := os.ReadFile(filepath.Join(p.root, file))
	if err != nil {
		return err
	}
	dir := filepath.Join(p.dir, p.name(file))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	p.files = append(p.files, file)
	return os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600)
}

// name is that of a program's folder, and of its binary.
func (p *programs) name(file string) string {
	return strings.NewReplacer("/", "-", ".go", "").Replace(file)
}

// run builds the programs with and without recording, and compares them one by one.
func (p *programs) run(ctx context.Context) error {
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	plain, recorded := filepath.Join(p.dir, "bin-plain"), filepath.Join(p.dir, "bin-recorded")
	for dir, build := range map[string][]string{plain: {"go", "build"}, recorded: {p.tool, "build", "-all"}} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if _, err := output(ctx, p.dir, env, build[0], append(build[1:], "-o", dir+"/", "./...")...); err != nil {
			return err
		}
	}
	// Build constraints leave some out.
	p.files = slices.DeleteFunc(p.files, func(file string) bool {
		_, err := os.Stat(filepath.Join(plain, p.name(file)))
		return errors.Is(err, fs.ErrNotExist)
	})
	different, excepted := 0, 0
	for i, file := range p.files {
		if i%50 == 49 {
			fmt.Fprintf(os.Stderr, "\t%d of %d programs\n", i+1, len(p.files))
		}
		difference, err := p.steadyDifference(ctx, file, plain, recorded)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		switch {
		case difference == "":
		case exceptions[file] != "":
			excepted++
			fmt.Printf("\t%s: %s\n", file, exceptions[file])
		default:
			different++
			fmt.Printf("\t%s behaves differently when recorded:\n%s\n", file, difference)
		}
	}
	fmt.Printf("Go's own test programs: %d built and run, %d different, %d that cannot be recorded\n", len(p.files), different, excepted)
	if different > 0 {
		return fmt.Errorf("%d programs behave differently when recorded", different)
	}
	return nil
}

// steadyDifference returns how a program differs in every round, "" if it does not.
func (p *programs) steadyDifference(ctx context.Context, file, plain, recorded string) (difference string, err error) {
	for range rounds {
		spool, err := os.MkdirTemp(p.dir, "spool-")
		if err != nil {
			return "", err
		}
		was, err := p.start(ctx, file, plain)
		if err != nil {
			return "", err
		}
		is, err := p.start(ctx, file, recorded, "MONITOR_SPOOL="+spool)
		if err != nil {
			return "", err
		}
		if err := os.RemoveAll(spool); err != nil {
			return "", err
		}
		if was == is {
			return "", nil
		}
		difference = "-- plain --\n" + was + "-- recorded --\n" + is
	}
	return difference, nil
}

// changing is what differs from build to build, and from run to run: addresses,
// goroutines, the binary's folder, arguments in tracebacks, and whether a frame was inlined.
var changing = regexp.MustCompile(`(?m) \+0x[0-9a-f]+$|0x[0-9a-f]+|goroutine \d+|bin-(?:plain|recorded)|\(.*\)$`)

// start runs one binary and returns how it ended and what it printed.
func (p *programs) start(ctx context.Context, file, dir string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, programTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, p.name(file)))
	cmd.Dir, cmd.Env = filepath.Dir(filepath.Join(p.root, file)), append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", err
	}
	return fmt.Sprintf("%v\n%s\n%s\n", cmd.ProcessState, changing.ReplaceAllString(stdout.String(), ""), changing.ReplaceAllString(stderr.String(), "")), nil
}
