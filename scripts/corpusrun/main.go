// Corpusrun runs the tests of public modules, unmodified, with and without
// recording of every function, and compares the outcome test by test.
//
// In: names of modules in modules.tsv. Out: a line per module; exit code 1 if
// a test behaves differently, or nothing was recorded.
// May import: the standard library and the query package.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
)

//go:embed modules.tsv
var moduleList string

// module is one line of modules.tsv.
type module struct {
	path, version string
	packages      []string
	skip          string // tests that are flaky or slow without us
}

func main() {
	keep := flag.String("keep", "", "work in this `folder` and leave copies and databases there")
	flag.Parse()
	if err := run(context.Background(), *keep, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "corpus: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep string, names []string) error {
	modules, err := choose(names)
	if err != nil {
		return err
	}
	root := keep
	if root == "" {
		if root, err = os.MkdirTemp("", "monitorgen-corpus-"); err != nil {
			return err
		}
		defer os.RemoveAll(root)
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	tool := filepath.Join(root, "monitorgen")
	if err := command(ctx, ".", "go", "build", "-o", tool, "./cmd/monitorgen"); err != nil {
		return err
	}
	var failed []error
	for _, m := range modules {
		r := &trial{module: m, dir: filepath.Join(root, strings.ReplaceAll(m.path, "/", "_")), tool: tool}
		if err := r.run(ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.path, err))
		}
	}
	return errors.Join(failed...)
}

// choose returns the named modules, or all.
func choose(names []string) ([]module, error) {
	var all []module
	for _, line := range strings.Split(strings.TrimSpace(moduleList), "\n")[1:] {
		f := append(strings.Split(line, "\t"), "") // the last column may be empty
		all = append(all, module{path: f[0], version: f[1], packages: strings.Fields(f[2]), skip: f[3]})
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []module
	for _, name := range names {
		i := slices.IndexFunc(all, func(m module) bool { return m.path == name })
		if i < 0 {
			return nil, fmt.Errorf("no module %s in scripts/corpusrun/modules.tsv", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// trial is one module on trial.
type trial struct {
	module
	dir  string // the copy
	tool string // the monitorgen binary
	env  []string
}

func (r *trial) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	db := r.dir + ".db"
	plain, plainTime, err := r.test(ctx, "go", "test")
	if err != nil {
		return err
	}
	recorded, recordedTime, err := r.test(ctx, r.tool, "test", "-all", "-db", db)
	if err != nil {
		return err
	}
	functions, left, err := r.functions(ctx)
	if err != nil {
		return err
	}
	summary, err := r.stored(ctx, db)
	if err != nil {
		return err
	}
	differences := compare(plain, recorded)
	fmt.Printf("%s@%s: %d functions recorded, %d left alone; %d tests, %d different; %.1f s plain, %.1f s recorded and stored\n\t%s\n",
		r.path, r.version, functions, left, len(plain.tests), len(differences), plainTime.Seconds(), recordedTime.Seconds(), summary)
	for _, d := range differences {
		fmt.Printf("\t%s\n", d)
	}
	for _, pkg := range recorded.failed(plain) {
		fmt.Printf("\tlast output of %s:\n\t\t%s\n", pkg, strings.ReplaceAll(strings.TrimSpace(recorded.output[pkg]), "\n", "\n\t\t"))
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d tests behave differently when recorded", len(differences))
	}
	return nil
}

// prepare makes a fresh writable copy in which go test works.
func (r *trial) prepare(ctx context.Context) error {
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	out, err := output(ctx, os.TempDir(), append(os.Environ(), "GOWORK=off"), "go", "mod", "download", "-json", r.path+"@"+r.version)
	if err != nil {
		return err
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil {
		return err
	}
	if err := copyTree(info.Dir, r.dir); err != nil {
		return err
	}
	for _, name := range []string{"go.work", "go.work.sum"} {
		os.Remove(filepath.Join(r.dir, name)) // most modules have none
	}
	if r.path == "github.com/stretchr/testify" {
		// A nested module that a symbolic link of its tests leads to is not in the module's archive.
		if err := os.MkdirAll(filepath.Join(r.dir, "_codegen"), 0o700); err != nil {
			return err
		}
	}
	flags := "-buildvcs=false"
	r.env = append(os.Environ(), "GOWORK=off", "GOFLAGS="+flags)
	if _, err := os.Stat(filepath.Join(r.dir, "go.mod")); err != nil {
		if _, err := output(ctx, r.dir, r.env, "go", "mod", "init", r.path); err != nil {
			return err
		}
		flags += " -mod=mod"
	} else if _, err := output(ctx, r.dir, r.env, "go", "list", "-mod=readonly", "-test", "-deps", "./..."); err != nil {
		flags += " -mod=mod"
	}
	if _, err := os.Stat(filepath.Join(r.dir, "vendor")); err == nil && !strings.Contains(flags, "-mod=") {
		flags += " -mod=mod"
	}
	r.env = append(os.Environ(), "GOWORK=off", "GOFLAGS="+flags)
	// Fills go.sum where that is allowed; go test tells what is still wrong.
	_, _ = output(ctx, r.dir, r.env, "go", "list", "-e", "-test", "-deps", "./...")
	return nil
}

// copyTree copies a module out of the read-only module cache.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm()|0o600)
	})
}

// test runs the module's tests by the given command and returns the outcome
// of each test and package.
func (r *trial) test(ctx context.Context, name string, args ...string) (*outcome, time.Duration, error) {
	args = append(args, "-json", "-count=1")
	if r.skip != "" {
		args = append(args, "-skip="+r.skip)
	}
	cmd := exec.CommandContext(ctx, name, append(args, r.packages...)...)
	cmd.Dir, cmd.Env = r.dir, r.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	result, readErr := readOutcome(out)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, 0, err
	}
	if readErr != nil {
		return nil, 0, fmt.Errorf("%s test: %w\n%s", name, readErr, stderr.String())
	}
	if len(result.tests) == 0 {
		return nil, 0, fmt.Errorf("%s test ran nothing: %s", filepath.Base(name), stderr.String())
	}
	return result, time.Since(start), nil
}

// outcome is what go test said.
type outcome struct {
	tests  map[string]string // pass, fail or skip by package and test
	output map[string]string // the end of what each package printed
}

// maxOutput is how much of a package's output is kept.
const maxOutput = 4 << 10

// address is what differs in names of tests that print pointers.
var address = regexp.MustCompile(`0x[0-9a-f]{6,}|time\.Date\([^)]*\)`)

// readOutcome reads the output of go test -json.
func readOutcome(r io.Reader) (*outcome, error) {
	o := &outcome{tests: make(map[string]string), output: make(map[string]string)}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e struct{ Action, Package, Test, ImportPath, Output string }
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			switch e.Action {
			case "pass", "fail", "skip":
				o.tests[e.Package+" "+address.ReplaceAllString(e.Test, "0x")] = e.Action
			case "build-fail":
				o.tests[e.ImportPath+" (build)"] = "fail"
			case "output":
				text := o.output[e.Package] + e.Output
				o.output[e.Package] = text[max(0, len(text)-maxOutput):]
			case "build-output":
				o.output[e.ImportPath] += e.Output
			}
		}
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// failed returns the packages that failed here and not in plain.
func (o *outcome) failed(plain *outcome) []string {
	var packages []string
	for test, got := range o.tests {
		pkg, name, _ := strings.Cut(test, " ")
		if got == "fail" && (name == "" || name == "(build)") && plain.tests[test] != "fail" {
			packages = append(packages, pkg)
		}
	}
	sort.Strings(packages)
	return packages
}

func compare(plain, recorded *outcome) []string {
	var differences []string
	for test, want := range plain.tests {
		if got := recorded.tests[test]; got != want {
			differences = append(differences, fmt.Sprintf("%s: %s, recorded: %s", test, want, cmp.Or(got, "missing")))
		}
	}
	for test, got := range recorded.tests {
		if _, known := plain.tests[test]; !known {
			differences = append(differences, fmt.Sprintf("%s: only when recorded: %s", test, got))
		}
	}
	sort.Strings(differences)
	return differences
}

// functions counts what -all records and what it leaves alone.
func (r *trial) functions(ctx context.Context) (recorded, left int, err error) {
	out, err := output(ctx, r.dir, r.env, r.tool, append([]string{"list", "-all", "-json"}, r.packages...)...)
	if err != nil {
		return 0, 0, err
	}
	var list struct{ Functions, Skipped []struct{ Function string } }
	if err := json.Unmarshal(out, &list); err != nil {
		return 0, 0, err
	}
	return len(list.Functions), len(list.Skipped), nil
}

// stored checks through the tool's own commands that the database holds
// calls with arguments, results, parents and, where tests provoke them, errors.
func (r *trial) stored(ctx context.Context, db string) (string, error) {
	out, err := output(ctx, r.dir, r.env, r.tool, "sql", "-json", db, `SELECT
		(SELECT count(*) FROM process_trace) AS calls,
		(SELECT count(*) FROM process_trace WHERE status = 'ERR') AS errors,
		(SELECT count(*) FROM process_trace WHERE parent_id IS NOT NULL AND parent_id <> 0) AS nested,
		(SELECT count(*) FROM (SELECT 1 FROM data_trace WHERE data_type = 'INPUT' LIMIT 1000)) AS inputs,
		(SELECT count(*) FROM (SELECT 1 FROM data_trace WHERE data_type = 'OUTPUT' LIMIT 1000)) AS outputs,
		(SELECT coalesce(sum(dropped), 0) FROM drops) AS drops`)
	if err != nil {
		return "", err
	}
	var result struct {
		Rows []map[string]int64 `json:"rows"`
	}
	if err := json.Unmarshal(out, &result); err != nil || len(result.Rows) != 1 {
		return "", fmt.Errorf("unexpected answer %s: %w", out, err)
	}
	row := result.Rows[0]
	summary := fmt.Sprintf("%d calls stored (%d errors, %d with a parent), %d dropped", row["calls"], row["errors"], row["nested"], row["drops"])
	for _, what := range []string{"calls", "nested", "inputs", "outputs"} {
		if row[what] == 0 {
			return summary, fmt.Errorf("the database has no %s", what)
		}
	}
	for _, view := range []string{"stats", "errors", "tree"} {
		if out, err := output(ctx, r.dir, r.env, r.tool, view, db); err != nil || len(out) == 0 {
			return summary, fmt.Errorf("monitorgen %s shows nothing: %w", view, err)
		}
	}
	return summary, nil
}

// command runs a command whose output nobody needs unless it fails.
func command(ctx context.Context, dir, name string, args ...string) error {
	_, err := output(ctx, dir, nil, name, args...)
	return err
}

func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
