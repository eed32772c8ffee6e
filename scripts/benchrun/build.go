package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// buildBench compares go build and monitorgen build of a generated module.
type buildBench struct {
	module  generatedModule
	root    string // temporary; each side has its caches below it
	tool    string // the monitorgen binary
	flags   []string
	verbose bool
}

func runBuild(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("build", flag.ContinueOnError)
	b := &buildBench{}
	fs.IntVar(&b.module.packages, "packages", 200, "`number` of packages of the module")
	edits := fs.Int("edits", 15, "`pairs` of builds after a one-line edit")
	cold := fs.Int("cold", 2, "`pairs` of builds with empty caches")
	keep := fs.String("keep", "", "work in this `folder` and leave it there")
	fs.BoolVar(&b.verbose, "v", false, "print every pair")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if b.root = *keep; b.root == "" {
		dir, err := os.MkdirTemp("", "monitorgen-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.root = dir
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("Module of %d packages, %d lines; %s, %d CPUs (%s/%s).\n\n", b.module.packages, b.module.lines, runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Println("| build | functions recorded | pairs | go build | monitorgen build | ratio |")
	fmt.Println("| --- | --- | ---: | ---: | ---: | ---: |")
	for _, what := range []struct {
		name  string
		flags []string
	}{
		{"2 of every eighth package, by directive", nil},
		{"2 of every package", []string{"-all", "-include", `\.Run[01]$`}},
		{"all", []string{"-all"}},
	} {
		b.flags = what.flags
		if err := b.row(ctx, "empty caches", what.name, *cold, b.cold); err != nil {
			return err
		}
		if err := b.row(ctx, "nothing changed", what.name, *edits, b.unchanged); err != nil {
			return err
		}
		if err := b.row(ctx, "one line edited", what.name, *edits, b.edited); err != nil {
			return err
		}
	}
	return nil
}

// row takes the pairs of one line of the table and prints it.
func (b *buildBench) row(ctx context.Context, build, functions string, n int, take func(ctx context.Context, side string, i int) (time.Duration, error)) error {
	if n == 0 {
		return nil
	}
	p, err := measure(n,
		func(i int) (time.Duration, error) { return take(ctx, plainSide, i) },
		func(i int) (time.Duration, error) { return take(ctx, recordedSide, i) })
	if err != nil {
		return err
	}
	if b.verbose {
		fmt.Println(p)
	}
	digits := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	fmt.Printf("| %s | %s | %d | %s | %s | %.2f |\n", build, functions, n, digits(median(p.plain)), digits(median(p.recorded)), p.ratio())
	return nil
}

// The two sides have the same module in folders of the same depth, and caches of their own.
const (
	plainSide    = "plain"
	recordedSide = "recorded"
)

func (b *buildBench) prepare(ctx context.Context) error {
	b.tool = filepath.Join(b.root, "monitorgen")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.tool, "./cmd/monitorgen").CombinedOutput(); err != nil {
		return fmt.Errorf("build monitorgen: %w\n%s", err, out)
	}
	for _, side := range []string{plainSide, recordedSide} {
		if err := b.module.write(b.dir(side)); err != nil {
			return err
		}
	}
	return nil
}

func (b *buildBench) dir(side string) string { return filepath.Join(b.root, side, "module") }

// build runs one build and returns how long it took.
func (b *buildBench) build(ctx context.Context, side string) (time.Duration, error) {
	name, args := "go", []string{"build", "-o", filepath.Join(b.root, side, "app"), "./cmd/app"}
	if side == recordedSide {
		name = b.tool
		args = append([]string{"build"}, append(b.flags, args[1:]...)...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.dir(side)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off",
		"GOCACHE="+filepath.Join(b.root, side, "gocache"), "XDG_CACHE_HOME="+filepath.Join(b.root, side, "cache"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s build: %w\n%s", side, err, out.String())
	}
	return took, nil
}

func (b *buildBench) cold(ctx context.Context, side string, _ int) (time.Duration, error) {
	for _, cache := range []string{"gocache", "cache"} {
		if err := os.RemoveAll(filepath.Join(b.root, side, cache)); err != nil {
			return 0, err
		}
	}
	return b.build(ctx, side)
}

// unchanged builds again; the first pair has a build of its own in front.
func (b *buildBench) unchanged(ctx context.Context, side string, i int) (time.Duration, error) {
	if i == 0 {
		if _, err := b.build(ctx, side); err != nil {
			return 0, err
		}
	}
	return b.build(ctx, side)
}

// edited builds after another value in a body, in a package that others import.
func (b *buildBench) edited(ctx context.Context, side string, i int) (time.Duration, error) {
	if i == 0 {
		if _, err := b.build(ctx, side); err != nil {
			return 0, err
		}
	}
	b.module.turn++
	if err := b.module.edit(b.dir(side), b.module.turn); err != nil {
		return 0, err
	}
	return b.build(ctx, side)
}
