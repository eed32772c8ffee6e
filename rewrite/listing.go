package rewrite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// listing is which packages of the user's modules a build has. It holds as long
// as nothing changes that the go command looks at to find out: settings, module
// files, the names of Go files, and what is in these down to their imports.
type listing struct {
	Packages []*listedPackage    // of the user's modules, each behind what it imports
	Exports  map[string]string   // export data of other packages that these import
	Modules  map[string]string   // hashes of module files, by path; "" where there is none
	Dirs     map[string][]string // names of Go, assembly and module files, by folder
	Files    map[string]fileState

	path   string            // where it is kept; empty: it must not be
	dirty  bool              // differs from what is kept
	text   map[string][]byte // of Files
	byPath map[string]*listedPackage
}

// listedPackage is what go list says of a package.
type listedPackage struct {
	ImportPath, Name, Dir string
	Standard              bool
	GoFiles, CgoFiles     []string
	SFiles                []string
	IgnoredGoFiles        []string
	Imports               []string
	ImportMap             map[string]string
	Module                *listedModule
	ForTest               string
	Error                 *struct{ Err string }
	DepsErrors            []struct{ Err string }
}

type listedModule struct {
	Path, Dir, GoMod, GoVersion string
	Main                        bool
}

// fileState is what a Go file had when it was listed.
type fileState struct {
	Hash      string
	Header    string // hash of what stands above its declarations
	Directive bool   // it has what may be a directive
}

func (p *listedPackage) path(name string) string { return filepath.Join(p.Dir, name) }

func (p *listedPackage) ours() bool {
	return p.Module != nil && p.Module.Main && !runtimePackages[p.ImportPath]
}

// list returns the listing that was kept, if it holds, or a new one.
func (b *recordedBuild) list(ctx context.Context) (*listing, error) {
	path := filepath.Join(b.overlay.dir, "listings", b.listingKey()+".json")
	if l := loadListing(path); l != nil && l.holds(b) {
		return l, nil
	}
	l, err := b.goList(ctx)
	if err != nil {
		return nil, err
	}
	if l.path != "" {
		l.path = path
	}
	return l, nil
}

// listingKey is a hash of all that decides on a listing and is not a file of the module.
func (b *recordedBuild) listingKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %+v %v", toolVersion(), b.sel.Dir, b.sel.Env, b.build.env, b.sel.InTests)
	fmt.Fprintf(h, "%q %q %q %q", b.sel.Patterns, b.sel.BuildFlags, b.build.GoMod, b.build.GoWork)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func loadListing(path string) *listing {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	l := &listing{path: path}
	if json.Unmarshal(text, l) != nil {
		return nil
	}
	l.index()
	return l
}

func (l *listing) index() {
	l.text = make(map[string][]byte)
	l.byPath = make(map[string]*listedPackage)
	for _, p := range l.Packages {
		l.byPath[p.ImportPath] = p
	}
}

// save keeps the listing for the next build.
func (l *listing) save() error {
	if l.path == "" || !l.dirty {
		return nil
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	return writeFile(l.path, text, 0o600)
}

// holds tells whether the go command would list the same. It reads every Go file.
func (l *listing) holds(b *recordedBuild) bool {
	for path, hash := range l.Modules {
		if fileHash(path) != hash {
			return false
		}
	}
	for _, export := range l.Exports {
		if !exists(export) {
			return false
		}
	}
	dirs, err := b.folders(slices.Collect(maps.Keys(l.Dirs)))
	if err != nil || !maps.EqualFunc(dirs, l.Dirs, slices.Equal) {
		return false
	}
	states, err := l.readAll(slices.Collect(maps.Keys(l.Files)))
	if err != nil {
		return false
	}
	for path, now := range states {
		old := l.Files[path]
		if now.Header != old.Header {
			return false
		}
		if now != old {
			l.Files[path], l.dirty = now, true
		}
	}
	return true
}

// folders returns the names of the Go, assembly and module files in the folders, and in
// all below those that patterns with ... name.
func (b *recordedBuild) folders(known []string) (map[string][]string, error) {
	dirs := make(map[string][]string)
	for _, dir := range known {
		names, err := goFileNames(dir)
		if err != nil {
			return nil, err
		}
		dirs[dir] = names
	}
	for _, pattern := range b.sel.Patterns {
		if !strings.Contains(pattern, "...") {
			continue
		}
		// The whole module, whatever part the pattern means: that is never too little.
		for _, root := range []string{filepath.Dir(b.build.GoMod), filepath.Dir(b.build.GoWork)} {
			if root == "." {
				continue
			}
			if err := addTree(dirs, root); err != nil {
				return nil, err
			}
		}
		break
	}
	return dirs, nil
}

func addTree(dirs map[string][]string, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor") {
			return fs.SkipDir
		}
		if _, ok := dirs[path]; ok {
			return nil
		}
		names, err := goFileNames(path)
		if len(names) > 0 {
			dirs[path] = names
		}
		return err
	})
}

func goFileNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".s") || name == "go.mod" {
			names = append(names, name)
		}
	}
	return names, nil
}

// readAll reads files, several at once, and returns their states.
func (l *listing) readAll(paths []string) (map[string]fileState, error) {
	type read struct {
		src   []byte
		state fileState
		err   error
	}
	reads := make([]read, len(paths))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(paths)); i = next.Add(1) - 1 {
				src, err := os.ReadFile(paths[i])
				reads[i] = read{src, stateOf(src, l.Files[paths[i]]), err}
			}
		})
	}
	readers.Wait()
	states := make(map[string]fileState, len(paths))
	for i, r := range reads {
		if r.err != nil {
			return nil, r.err
		}
		l.text[paths[i]], states[paths[i]] = r.src, r.state
	}
	return states, nil
}

// stateOf returns the state of a file, what is known of it from before if its text is the same.
func stateOf(src []byte, old fileState) fileState {
	hash := textHash(src)
	if hash == old.Hash {
		return old
	}
	return fileState{Hash: hash, Header: textHash(fileHeader(src)), Directive: directiveLike.Match(src)}
}

// fileHeader returns the part of a file that decides whether and with what it is built.
func fileHeader(src []byte) []byte {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.ImportsOnly|parser.SkipObjectResolution)
	if err != nil {
		return src
	}
	end := file.Name.End()
	if n := len(file.Decls); n > 0 {
		end = file.Decls[n-1].End()
	}
	return src[:fset.PositionFor(end, false).Offset]
}

func textHash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// fileHash returns the hash of a file's text, "" if it cannot be read.
func fileHash(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return textHash(text)
}

// goList asks the go command. Where it does not know all that it should, or
// what it says may change without any of our files, there is nothing to keep.
func (b *recordedBuild) goList(ctx context.Context) (*listing, error) {
	args := []string{"-deps", "-json=ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,SFiles,IgnoredGoFiles,Imports,ImportMap,Module,ForTest,Error,DepsErrors"}
	if b.sel.InTests {
		args = append(args, "-test")
	}
	out, err := b.goCommand(ctx, args, b.sel.Patterns)
	if err != nil {
		return nil, err
	}
	l := &listing{path: "keep", dirty: true, Exports: make(map[string]string), Modules: make(map[string]string), Files: make(map[string]fileState)}
	l.index()
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &listedPackage{}
		err := d.Decode(p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if err := l.add(p, b.build); err != nil {
			return nil, err
		}
	}
	return l, l.look(b)
}

func (b *recordedBuild) goCommand(ctx context.Context, args, patterns []string) ([]byte, error) {
	args = append(append([]string{"list"}, b.sel.BuildFlags...), args...)
	cmd := exec.CommandContext(ctx, "go", append(append(args, "--"), patterns...)...)
	cmd.Dir, cmd.Env = b.sel.Dir, b.sel.Env
	out, err := cmd.Output()
	if err != nil {
		return nil, errSlow // which says it better
	}
	return out, nil
}

// add takes a package into the listing. Test variants count as the package itself.
func (l *listing) add(p *listedPackage, build *Build) error {
	if p.Error != nil || len(p.DepsErrors) > 0 {
		return errSlow
	}
	if p.Standard {
		return nil
	}
	if !p.ours() {
		if !l.cached(p.Dir, build) && !runtimePackages[p.ImportPath] {
			l.path = "" // its source may change
		}
		if slices.ContainsFunc(p.Imports, func(path string) bool { return l.has(withoutVariant(path)) }) {
			return errSlow // a dependency that imports the user's module
		}
		return nil
	}
	if len(p.CgoFiles) > 0 {
		return errSlow
	}
	p.ImportPath = withoutVariant(p.ImportPath)
	if strings.HasSuffix(p.ImportPath, ".test") || strings.HasSuffix(p.Name, "_test") || l.has(p.ImportPath) {
		return nil
	}
	p.GoFiles = slices.DeleteFunc(p.GoFiles, isTestFile)
	for i, path := range p.Imports {
		p.Imports[i] = withoutVariant(path)
	}
	l.Packages = append(l.Packages, p)
	l.byPath[p.ImportPath] = p
	l.Modules[p.Module.GoMod] = ""
	return nil
}

// cached tells whether a path is in the module cache, where nothing changes.
func (l *listing) cached(path string, build *Build) bool {
	return strings.HasPrefix(path, build.env.GOMODCACHE+string(filepath.Separator))
}

// testsAsk tells whether a test file of the user's packages has a directive.
func (l *listing) testsAsk() bool {
	return slices.ContainsFunc(l.Packages, func(p *listedPackage) bool {
		return slices.ContainsFunc(l.Dirs[p.Dir], func(name string) bool {
			path := p.path(name)
			return isTestFile(name) && l.Files[path].Directive && testDirective.Match(l.text[path])
		})
	})
}

func withoutVariant(path string) string {
	path, _, _ = strings.Cut(path, " ")
	return path
}

func (l *listing) has(path string) bool { return l.byPath[path] != nil }

// look notes the files that the listing depends on.
func (l *listing) look(b *recordedBuild) (err error) {
	root := filepath.Dir(b.build.GoMod)
	l.Modules[b.build.GoMod], l.Modules[strings.TrimSuffix(b.build.GoMod, ".mod")+".sum"] = "", ""
	l.Modules[filepath.Join(root, "vendor", "modules.txt")] = ""
	if b.build.GoWork != "" {
		l.Modules[b.build.GoWork], l.Modules[b.build.GoWork+".sum"] = "", ""
	}
	for path := range l.Modules {
		l.Modules[path] = fileHash(path)
	}
	var known []string
	for _, p := range l.Packages {
		known = append(known, p.Dir)
	}
	if l.Dirs, err = b.folders(known); err != nil {
		return err
	}
	var paths []string
	for dir, names := range l.Dirs {
		for _, name := range names {
			if strings.HasSuffix(name, ".go") {
				paths = append(paths, filepath.Join(dir, name))
			}
		}
	}
	l.Files, err = l.readAll(paths)
	return err
}

// compileImports has the go command compile what the tasks import from other
// modules, and keeps the listing. The build that follows finds it compiled.
func (l *listing) compileImports(ctx context.Context, b *recordedBuild, tasks []*packageTask) error {
	missing := make(map[string]bool)
	for _, t := range tasks {
		for _, path := range t.pkg.Imports {
			if l.Exports[path] == "" && l.byPath[path] == nil && path != "unsafe" && path != "C" {
				missing[path] = true
			}
		}
	}
	if len(missing) > 0 {
		paths := slices.Collect(maps.Keys(missing))
		sort.Strings(paths)
		out, err := b.goCommand(ctx, []string{"-export", "-f", "{{.ImportPath}}\t{{.Export}}"}, paths)
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(out), "\n") {
			if path, file, ok := strings.Cut(line, "\t"); ok && file != "" {
				l.Exports[path] = file
				delete(missing, path)
			}
		}
		l.dirty = true
		if len(missing) > 0 {
			return errSlow
		}
	}
	return l.save()
}
