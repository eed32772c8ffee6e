package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// trial is one module on trial.
type trial struct {
	module
	dir  string // the copy
	tool string // the monitorgen binary
	race bool
	env  []string
}

// generated says that the functions of generated files are recorded, too.
const generated = "-generated"

func (t *trial) run(ctx context.Context) (*result, error) {
	if err := t.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	db := t.dir + ".db"
	r, err := t.compare(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := t.functions(ctx, r); err != nil {
		return nil, err
	}
	if r.summary, err = t.stored(ctx, db); err != nil {
		return r, err
	}
	if err := t.inPlace(ctx); err != nil {
		return r, fmt.Errorf("in place: %w", err)
	}
	if n := len(r.differences); n > 0 {
		return r, fmt.Errorf("%d tests behave differently when recorded", n)
	}
	return r, nil
}

// rounds is how often a test must behave differently to count. Some depend on
// how fast the machine is at the moment, with and without recording.
const rounds = 3

// compare runs the tests with and without recording; again, when some differ.
func (t *trial) compare(ctx context.Context, db string) (*result, error) {
	var first *result
	for round := 1; ; round++ {
		r := &result{module: t.module}
		var err error
		if r.plain, r.plainTime, err = t.test(ctx, "go", "test"); err != nil {
			return nil, err
		}
		if r.recorded, r.recordedTime, err = t.test(ctx, t.tool, "test", "-all", generated, "-db", db); err != nil {
			return nil, err
		}
		r.exempt(t.inlining)
		differences := compare(r.plain, r.recorded)
		if first == nil {
			first = r
			first.differences = differences
		}
		for _, d := range first.differences {
			if !slices.Contains(differences, d) {
				first.unsteady = append(first.unsteady, d)
			}
		}
		first.differences = slices.DeleteFunc(first.differences, func(d string) bool { return slices.Contains(first.unsteady, d) })
		if len(first.differences) == 0 || round == rounds {
			return first, nil
		}
	}
}

// prepare makes a fresh writable copy in which go test works.
func (t *trial) prepare(ctx context.Context) error {
	if err := os.RemoveAll(t.dir); err != nil {
		return err
	}
	out, err := output(ctx, os.TempDir(), append(os.Environ(), "GOWORK=off"), "go", "mod", "download", "-json", t.path+"@"+t.version)
	if err != nil {
		return err
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil {
		return err
	}
	if err := copyTree(info.Dir, t.dir); err != nil {
		return err
	}
	for _, name := range []string{"go.work", "go.work.sum"} {
		os.Remove(filepath.Join(t.dir, name)) // most modules have none
	}
	if t.path == "github.com/stretchr/testify" {
		// A nested module that a symbolic link of its tests leads to is not in the module's archive.
		if err := os.MkdirAll(filepath.Join(t.dir, "_codegen"), 0o700); err != nil {
			return err
		}
	}
	flags := "-buildvcs=false"
	t.env = append(os.Environ(), "GOWORK=off", "GOFLAGS="+flags)
	if _, err := os.Stat(filepath.Join(t.dir, "go.mod")); err != nil {
		if _, err := output(ctx, t.dir, t.env, "go", "mod", "init", t.path); err != nil {
			return err
		}
		flags += " -mod=mod"
	} else if _, err := output(ctx, t.dir, t.env, "go", "list", "-mod=readonly", "-test", "-deps", "./..."); err != nil {
		flags += " -mod=mod"
	}
	if _, err := os.Stat(filepath.Join(t.dir, "vendor")); err == nil && !strings.Contains(flags, "-mod=") {
		flags += " -mod=mod"
	}
	t.env = append(os.Environ(), "GOWORK=off", "GOFLAGS="+flags)
	// Fills go.sum where that is allowed; go test tells what is still wrong.
	_, _ = output(ctx, t.dir, t.env, "go", "list", "-e", "-test", "-deps", "./...")
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
func (t *trial) test(ctx context.Context, name string, args ...string) (*outcome, time.Duration, error) {
	args = append(args, "-json", "-count=1")
	if t.race {
		args = append(args, "-race", "-timeout=60m") // both sides are many times slower
	}
	if t.skip != "" {
		args = append(args, "-skip="+t.skip)
	}
	cmd := exec.CommandContext(ctx, name, append(args, t.packages...)...)
	cmd.Dir, cmd.Env = t.dir, t.env
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
	result, readErr := readOutcome(out, func(pkg, action string) {
		fmt.Fprintf(os.Stderr, "\t%s: %s %s after %.0f s\n", filepath.Base(name), action, pkg, time.Since(start).Seconds())
	})
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

// functions notes what -all records and what it leaves alone.
func (t *trial) functions(ctx context.Context, r *result) error {
	out, err := output(ctx, t.dir, t.env, t.tool, append([]string{"list", "-all", generated, "-json"}, t.packages...)...)
	if err != nil {
		return err
	}
	var list struct {
		Functions []struct{ Function string }
		Skipped   []struct{ Function, Reason string }
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	r.functions, r.left = len(list.Functions), make(map[string]int)
	for _, s := range list.Skipped {
		r.left[s.Reason]++
	}
	return nil
}

// stored checks through the tool's own commands that the database holds
// calls with arguments, results, parents and, where tests provoke them, errors.
func (t *trial) stored(ctx context.Context, db string) (string, error) {
	out, err := output(ctx, t.dir, t.env, t.tool, "sql", "-json", db, `SELECT
		count(*) AS calls,
		coalesce(sum(status = 'ERR'), 0) AS errors,
		coalesce(sum(parent_id IS NOT NULL AND parent_id <> 0), 0) AS nested,
		(SELECT count(*) FROM (SELECT 1 FROM data_trace WHERE data_type = 'INPUT' LIMIT 1000)) AS inputs,
		(SELECT count(*) FROM (SELECT 1 FROM data_trace WHERE data_type = 'OUTPUT' LIMIT 1000)) AS outputs,
		(SELECT coalesce(sum(dropped), 0) FROM drops) AS drops
		FROM process_trace`)
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
		if out, err := output(ctx, t.dir, t.env, t.tool, view, db); err != nil || len(out) == 0 {
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
