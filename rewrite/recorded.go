package rewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"
)

// recordedPackage is what became of one package: all that a build needs of it.
type recordedPackage struct {
	Functions  int               // that are recorded
	Skipped    []Skipped         `json:",omitempty"`
	Deprecated Diagnostics       `json:",omitempty"`
	Excluded   []string          `json:",omitempty"`
	Replace    map[string]string `json:",omitempty"` // as in Overlay
	Companions []string          `json:",omitempty"`
	Dir        string
	Export     string // hash of its export data
	// Judged are the files of other packages, with their hashes, that say which
	// methods may be called.
	Judged map[string]string `json:",omitempty"`

	diagnosed bool // its directives have mistakes: nothing to keep
}

// addTo adds what became of the package to the plan and the overlay.
func (r *recordedPackage) addTo(plan *Plan, o *Overlay) {
	plan.remembered += r.Functions
	plan.Skipped = append(plan.Skipped, r.Skipped...)
	plan.Deprecated = append(plan.Deprecated, r.Deprecated...)
	plan.Excluded = append(plan.Excluded, r.Excluded...)
	for path, kept := range r.Replace {
		o.Replace[path] = kept
	}
	if len(r.Companions) > 0 {
		o.Companions[r.Dir] = append(o.Companions[r.Dir], r.Companions...)
	}
}

// commonKey is what the keys of all packages of a build have in common.
func (b *recordedBuild) commonKey() string {
	return fmt.Sprintf("%q %v %v %v %v %+v %q", toolVersion(), b.sel.All, b.sel.Include, b.sel.Exclude, b.sel.Generated, b.build.env, b.sel.BuildFlags)
}

// key is a hash of all that decides what becomes of a package.
func (b *recordedBuild) key(t *packageTask) string {
	h := sha256.New()
	p := t.pkg
	fmt.Fprintf(h, "%s %q %q %q %v\n", b.common, p.ImportPath, p.Dir, p.Module.GoVersion, t.candidate)
	// Names in any file of the folder are taken, in test files too; assembly may call any function.
	for _, name := range b.listing.Dirs[p.Dir] {
		hash := b.listing.Files[p.path(name)].Hash
		if hash == "" { // assembly
			hash = fileHash(p.path(name))
		}
		fmt.Fprintf(h, "%s %s\n", name, hash)
	}
	fmt.Fprintf(h, "%q %q\n", p.GoFiles, b.configs[p.Module.Dir].text)
	for _, path := range p.Imports {
		fmt.Fprintf(h, "%s %s\n", path, b.listing.Exports[path])
	}
	for _, need := range t.needs {
		fmt.Fprintf(h, "%s %s\n", need.pkg.ImportPath, need.result.Export)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// toolVersion tells apart the programs that may have remembered something.
var toolVersion = sync.OnceValue(func() string {
	version := strconv.Itoa(generation)
	if info, ok := debug.ReadBuildInfo(); ok {
		version += info.String()
	}
	if path, err := os.Executable(); err == nil {
		if stat, err := os.Stat(path); err == nil {
			version += fmt.Sprint(stat.Size(), stat.ModTime().UnixNano())
		}
	}
	return version
})

func (o *Overlay) recordedPath(key string) string {
	return filepath.Join(o.dir, "packages", key[:2], key+".json")
}

// loadRecorded returns what was kept under a key, or nil; the folder of the
// overlay may have been emptied in part.
func (o *Overlay) loadRecorded(key string) *recordedPackage {
	text, err := os.ReadFile(o.recordedPath(key))
	if err != nil {
		return nil
	}
	r := &recordedPackage{}
	if json.Unmarshal(text, r) != nil || r.Export == "" || !exists(o.exportPath(r.Export)) {
		return nil
	}
	for _, kept := range r.Replace {
		if !exists(kept) {
			return nil
		}
	}
	return r
}

func (o *Overlay) saveRecorded(key string, r *recordedPackage) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := o.recordedPath(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFile(path, text, 0o600)
}

// rewrite type-checks a package, the bodies of its functions only if they may
// be recorded, and makes what becomes of it.
func (b *recordedBuild) rewrite(t *packageTask) (*recordedPackage, error) {
	src, err := b.check(t)
	if err != nil {
		return nil, err
	}
	r := &recordedPackage{Dir: t.pkg.Dir}
	export, err := exportText(src.Types)
	if err != nil {
		return nil, fmt.Errorf("types of %s: %w", t.pkg.ImportPath, err)
	}
	if r.Export, err = b.overlay.keepExport(export); err != nil {
		return nil, err
	}
	if !t.candidate {
		return r, nil
	}
	p := &planner{sel: b.sel, report: &report{fset: b.fset}, plan: &Plan{Fset: b.fset, Broken: make(map[string]error)}, seen: make(map[string]bool), listing: b.listing, configs: b.configs}
	p.pkg(src)
	if len(p.report.list) > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.report.list = append(b.report.list, p.report.list...)
		r.diagnosed = true
		return r, nil
	}
	own := NewOverlay(b.overlay.dir)
	if err := own.AddPlan(p.plan); err != nil {
		return nil, err
	}
	r.Functions, r.Skipped, r.Excluded, r.Deprecated = p.plan.Count(), p.plan.Skipped, p.plan.Excluded, p.plan.Deprecated
	r.Replace, r.Companions = own.Replace, own.Companions[t.pkg.Dir]
	r.Judged = b.judged(p.plan, t.pkg.Dir)
	return r, nil
}

// judged returns the files that methods were judged by, without those that a
// package's key has anyway and those that do not change.
func (b *recordedBuild) judged(plan *Plan, dir string) map[string]string {
	files := make(map[string]string)
	for _, pkg := range plan.Packages {
		for path, hash := range pkg.judge.read {
			if filepath.Dir(path) != dir && !b.listing.cached(path, b.build) {
				files[path] = hash
			}
		}
	}
	return files
}

// stillJudged tells whether the files are as they were.
func (b *recordedBuild) stillJudged(files map[string]string) bool {
	for path, hash := range files {
		now := b.listing.Files[path].Hash
		if now == "" {
			now = fileHash(path)
		}
		if now != hash {
			return false
		}
	}
	return true
}

// check parses and type-checks a package.
func (b *recordedBuild) check(t *packageTask) (*sourcePackage, error) {
	p := t.pkg
	loaded := &packages.Package{
		ID: p.ImportPath, PkgPath: p.ImportPath, Name: p.Name, Dir: p.Dir, Fset: b.fset,
		Module:     &packages.Module{Path: p.Module.Path, Dir: p.Module.Dir, GoMod: p.Module.GoMod, GoVersion: p.Module.GoVersion, Main: true},
		TypesSizes: types.SizesFor("gc", b.build.env.GOARCH),
		TypesInfo: &types.Info{
			Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object),
			Implicits: make(map[ast.Node]types.Object), Instances: make(map[*ast.Ident]types.Instance), Scopes: make(map[ast.Node]*types.Scope),
			Selections: make(map[*ast.SelectorExpr]*types.Selection), FileVersions: make(map[*ast.File]string),
		},
	}
	src := &sourcePackage{Package: loaded}
	for _, name := range p.GoFiles {
		path := p.path(name)
		text := b.listing.text[path]
		syntax, err := parser.ParseFile(b.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, errSlow
		}
		loaded.GoFiles = append(loaded.GoFiles, path)
		loaded.Syntax = append(loaded.Syntax, syntax)
		src.files = append(src.files, &sourceFile{path: path, src: text, syntax: syntax, marked: isMarked(text)})
	}
	loaded.CompiledGoFiles = loaded.GoFiles
	for _, name := range p.SFiles {
		loaded.OtherFiles = append(loaded.OtherFiles, p.path(name))
	}
	for _, name := range p.IgnoredGoFiles {
		loaded.IgnoredFiles = append(loaded.IgnoredFiles, p.path(name))
	}
	slices.SortFunc(src.files, func(x, y *sourceFile) int { return strings.Compare(x.path, y.path) })
	cfg := types.Config{Importer: mappedImports{b.imports, p.ImportMap}, Sizes: loaded.TypesSizes, IgnoreFuncBodies: !t.candidate}
	if p.Module.GoVersion != "" {
		cfg.GoVersion = "go" + p.Module.GoVersion
	}
	var err error
	if loaded.Types, err = cfg.Check(p.ImportPath, b.fset, loaded.Syntax, loaded.TypesInfo); err != nil {
		return nil, errSlow
	}
	return src, nil
}

// mappedImports imports for one package, whose import paths may mean others (vendored ones).
type mappedImports struct {
	types.Importer
	paths map[string]string
}

func (m mappedImports) Import(path string) (*types.Package, error) {
	if other, ok := m.paths[path]; ok {
		path = withoutVariant(other)
	}
	return m.Importer.Import(path)
}
