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
	"slices"
	"strings"
)

// inPlace generates in place, vets the result and reverts: every file must be
// as it was.
func (t *trial) inPlace(ctx context.Context) error {
	before, err := readTree(t.dir)
	if err != nil {
		return err
	}
	// The generated code imports package runtime: the module requires it now, and
	// the go command may add to go.sum what that requires.
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	env := append(slices.Clone(t.env), "GOFLAGS=-buildvcs=false -mod=mod")
	build := append([]string{"go", "build"}, t.packages...)
	_, plain := output(ctx, t.dir, env, build[0], build[1:]...) // some modules do not build as a whole
	for _, args := range [][]string{
		{"go", "mod", "edit", "-require=github.com/monitorgen/monitorgen@v0.0.0", "-replace=github.com/monitorgen/monitorgen=" + root},
		append([]string{t.tool, "generate", "-all", generated}, t.packages...),
		build,
		append([]string{t.tool, "generate", "-check", "-all", generated}, t.packages...),
	} {
		_, err := output(ctx, t.dir, env, args[0], args[1:]...)
		if err != nil && (plain == nil || err.Error() != plain.Error()) {
			return err
		}
	}
	if err := t.analyse(ctx, env); err != nil {
		return err
	}
	if _, err := output(ctx, t.dir, env, t.tool, append([]string{"generate", "-revert"}, t.packages...)...); err != nil {
		return err
	}
	after, err := readTree(t.dir)
	if err != nil {
		return err
	}
	return sameTree(before, after)
}

// analyse runs go vet and staticcheck over what was generated. What they say of
// the module itself is not ours.
func (t *trial) analyse(ctx context.Context, env []string) error {
	staticcheck, err := output(ctx, ".", nil, "go", "tool", "-n", "staticcheck")
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"go", "vet"}, {strings.TrimSpace(string(staticcheck))}} {
		cmd := exec.CommandContext(ctx, args[0], append(args[1:], t.packages...)...)
		cmd.Dir, cmd.Env = t.dir, env
		said, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, companionName) {
				return fmt.Errorf("%s: %s", filepath.Base(args[0]), strings.TrimSpace(line))
			}
		}
	}
	return nil
}

// companionName is in the names of generated files.
const companionName = "monitor_gen"

// readTree reads every file of a module but those that the go command changes
// when a requirement is added.
func readTree(dir string) (map[string][]byte, error) {
	tree := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "go.mod" || d.Name() == "go.sum" {
			return err
		}
		tree[path], err = os.ReadFile(path)
		return err
	})
	return tree, err
}

func sameTree(before, after map[string][]byte) error {
	var differences []error
	for path, text := range before {
		switch now, there := after[path]; {
		case !there:
			differences = append(differences, fmt.Errorf("%s is gone", path))
		case !bytes.Equal(text, now):
			differences = append(differences, fmt.Errorf("%s is not as it was", path))
		}
	}
	for path := range after {
		if _, known := before[path]; !known {
			differences = append(differences, fmt.Errorf("%s is new", path))
		}
	}
	return errors.Join(differences...)
}
