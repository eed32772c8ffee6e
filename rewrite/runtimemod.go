package rewrite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"golang.org/x/mod/modfile"
)

// Build is what the go command says about the build that an overlay is for.
type Build struct {
	GoMod   string // path of go.mod, or of the file that -modfile names
	GoWork  string // path of go.work, or empty
	ModFlag string // value of -mod, or empty
	env     goEnv
}

// goEnv is what the environment decides about a build, as go env says it.
type goEnv struct {
	GOMOD, GOWORK, GOFLAGS                     string
	GOOS, GOARCH, GOEXPERIMENT, GOVERSION      string
	GO386, GOAMD64, GOARM, GOARM64, GOMIPS     string
	CGO_ENABLED, CC, GOENV                     string
	GOROOT, GOMODCACHE, GOCACHE, GOTOOLCHAIN   string
	GO111MODULE, GOPATH, GOINSECURE, GOTOOLDIR string

	// cgo is where CGO_CFLAGS and CGO_CPPFLAGS come from: go env runs the C
	// compiler before it says them.
	cgo string
}

// cgoSources returns what decides on the flags of the C compiler: the environment, and
// the file that go env -w writes.
func cgoSources(env []string, file string) string {
	if env == nil {
		env = os.Environ()
	}
	var sources []string
	for _, entry := range env {
		if strings.HasPrefix(entry, "CGO_CFLAGS=") || strings.HasPrefix(entry, "CGO_CPPFLAGS=") {
			sources = append(sources, entry)
		}
	}
	text, _ := os.ReadFile(file) // most people have none
	return strings.Join(append(sources, string(text)), "\n")
}

// ErrNoModule says that the current folder belongs to no module.
var ErrNoModule = errors.New("no go.mod here or above: monitorgen works on modules (go mod init NAME makes one)")

// FindBuild asks the go command where the module is. flags are the build
// flags of the command line.
func FindBuild(ctx context.Context, dir string, env, flags []string) (*Build, error) {
	args := []string{"env", "-json"}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[goEnv]()) {
		if f.IsExported() {
			args = append(args, f.Name)
		}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w\n%s", err, stderr.String())
	}
	var v goEnv
	if err := json.Unmarshal(out, &v); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	if v.GOMOD == "" || v.GOMOD == os.DevNull {
		return nil, ErrNoModule
	}
	v.cgo = cgoSources(env, v.GOENV)
	b := &Build{GoMod: v.GOMOD, GoWork: v.GOWORK, env: v}
	if b.GoWork == "off" {
		b.GoWork = ""
	}
	for _, f := range append(b.GoFlags(), flags...) {
		name, value, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "mod":
			b.ModFlag = value
		case "modfile":
			if !filepath.IsAbs(value) {
				value = filepath.Join(dir, value)
			}
			b.GoMod = value
		}
	}
	return b, nil
}

// GoFlags returns what the environment variable GOFLAGS, or go env -w, adds to
// every go command.
func (b *Build) GoFlags() []string { return strings.Fields(b.env.GOFLAGS) }

// runtimeVersion stands in the overlaid requirement. It is never looked up:
// the requirement is replaced by a folder.
const runtimeVersion = "v0.0.0"

// AddRuntime makes package runtime importable in the build: in a module that
// has it already (its own, or by a requirement) there is nothing to do, else
// the source is laid out as a module and go.mod or go.work is overlaid. It has
// to be called before AddPlan.
func (o *Overlay) AddRuntime(b *Build, source fs.FS) error {
	text, err := os.ReadFile(b.GoMod)
	if err != nil {
		return fmt.Errorf("add the runtime: %w", err)
	}
	mod, err := modfile.Parse(b.GoMod, text, nil)
	if err != nil {
		return fmt.Errorf("add the runtime: %w", err)
	}
	if mod.Module != nil && mod.Module.Mod.Path == ModulePath {
		return nil
	}
	for _, r := range mod.Require {
		if r.Mod.Path == ModulePath {
			return nil
		}
	}
	dir, err := o.layOut(source)
	if err != nil {
		return fmt.Errorf("add the runtime: %w", err)
	}
	if b.GoWork != "" {
		return o.useInWorkspace(b, dir)
	}
	return o.require(b, mod, dir)
}

// require overlays go.mod with a requirement that a folder replaces.
func (o *Overlay) require(b *Build, mod *modfile.File, dir string) error {
	if err := mod.AddRequire(ModulePath, runtimeVersion); err != nil {
		return fmt.Errorf("add the runtime to %s: %w", b.GoMod, err)
	}
	if err := mod.AddReplace(ModulePath, "", dir, ""); err != nil {
		return fmt.Errorf("add the runtime to %s: %w", b.GoMod, err)
	}
	if b.vendored(filepath.Dir(b.GoMod), mod.Go) {
		if err := o.unvendorModule(filepath.Dir(b.GoMod), mod); err != nil {
			return fmt.Errorf("add the runtime to %s: %w", b.GoMod, err)
		}
	}
	mod.Cleanup()
	text, err := mod.Format()
	if err != nil {
		return fmt.Errorf("add the runtime to %s: %w", b.GoMod, err)
	}
	return o.Add(b.GoMod, text)
}

// useInWorkspace overlays go.work: a workspace resolves imports of its
// modules without a requirement.
func (o *Overlay) useInWorkspace(b *Build, dir string) error {
	text, err := os.ReadFile(b.GoWork)
	if err != nil {
		return fmt.Errorf("add the runtime: %w", err)
	}
	work, err := modfile.ParseWork(b.GoWork, text, nil)
	if err != nil {
		return fmt.Errorf("add the runtime: %w", err)
	}
	if err := work.AddUse(dir, ModulePath); err != nil {
		return fmt.Errorf("add the runtime to %s: %w", b.GoWork, err)
	}
	if b.vendored(filepath.Dir(b.GoWork), work.Go) {
		if err := o.unvendorWorkspace(filepath.Dir(b.GoWork), work); err != nil {
			return fmt.Errorf("add the runtime to %s: %w", b.GoWork, err)
		}
	}
	work.Cleanup()
	return o.Add(b.GoWork, modfile.Format(work.Syntax))
}

// layOut writes the runtime's source as a module of its own and returns its
// folder. A go line of 1.20 lets modules of any age require it; newer go
// lines would ask for an update of theirs.
func (o *Overlay) layOut(source fs.FS) (string, error) {
	files, err := runtimeFiles(source)
	if err != nil {
		return "", err
	}
	texts := map[string][]byte{"go.mod": []byte("module " + ModulePath + "\n\ngo 1.20\n")}
	sum := sha256.New()
	for _, name := range files {
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return "", err
		}
		texts[name] = text
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	dir := filepath.Join(o.dir, "runtime-"+hex.EncodeToString(sum.Sum(nil)[:12]))
	for name, text := range texts {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return "", err
		}
		if err := writeFile(target, text, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// runtimeFiles lists the files of the runtime's source that a build needs.
func runtimeFiles(source fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ext := path.Ext(name)
		if !d.IsDir() && (ext == ".go" || ext == ".s" || ext == ".h") && !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
		return nil
	})
	sort.Strings(files)
	return files, err
}
