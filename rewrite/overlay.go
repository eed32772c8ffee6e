package rewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

// Overlay is a set of files that the go command reads in place of, or beside,
// those of the module.
type Overlay struct {
	dir string // where the texts are kept
	// ModFlag is the value of the flag -mod that the go command needs with the
	// overlay, or empty: that of the user holds.
	ModFlag string
	Replace map[string]string
	// Companions are the added files, by the folder of their package.
	Companions map[string][]string
}

// NewOverlay returns an empty overlay whose texts are kept below dir, by
// their content: the same text has the same path in every build, so that the
// go command's cache stays warm, and builds of different selections do not
// meet.
func NewOverlay(dir string) *Overlay {
	return &Overlay{dir: dir, Replace: make(map[string]string), Companions: make(map[string][]string)}
}

// AddPlan adds every file of the plan as it has to be compiled.
func (o *Overlay) AddPlan(p *Plan) error {
	for _, pkg := range p.Packages {
		if err := o.addPackage(pkg); err != nil {
			return fmt.Errorf("overlay of %s: %w", pkg.Path, err)
		}
	}
	return nil
}

func (o *Overlay) addPackage(pkg *Package) error {
	var plain, tests []*File
	for _, f := range pkg.Files {
		if f.isTest {
			tests = append(tests, f)
		} else {
			plain = append(plain, f)
		}
	}
	if err := o.addFiles(pkg, plain, "", "monitor_overlay", ".go"); err != nil {
		return err
	}
	return o.addFiles(pkg, tests, "Test", "monitor_overlay", "_test.go")
}

// addFiles adds one companion and the files it serves.
func (o *Overlay) addFiles(pkg *Package, files []*File, suffix, base, ext string) error {
	if len(files) == 0 {
		return nil
	}
	if pkg.isExternalTest() {
		suffix, base = suffix+"X", base+"_x"
	}
	companion, changes, err := compiled(pkg, files, suffix)
	if err != nil {
		return err
	}
	path := filepath.Join(pkg.Dir, base+ext)
	for exists(path) {
		base += "_"
		path = filepath.Join(pkg.Dir, base+ext)
	}
	if err := o.Add(path, companion); err != nil {
		return err
	}
	o.Companions[pkg.Dir] = append(o.Companions[pkg.Dir], path)
	for i, f := range files {
		if err := o.change(f, changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// change has the go command read a file with edits.
func (o *Overlay) change(f *File, e *edits) error {
	text, err := e.apply(f.src)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if err := o.Add(f.Path, text); err != nil {
		return err
	}
	return keepEdits(o.Replace[f.Path], e)
}

// compiled returns the companion of files, and the edits with which an overlay
// build compiles these.
func compiled(pkg *Package, files []*File, suffix string) (companion []byte, changes []*edits, err error) {
	calls := make(map[*Function]*call)
	companion, err = writeCompanion(overlay, pkg, files, suffix, calls)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		e := &edits{}
		for _, fn := range f.Functions {
			fn.insertSameLine(e, calls[fn])
		}
		changes = append(changes, e)
	}
	return companion, changes, nil
}

func (p *Package) isExternalTest() bool {
	return len(p.Name) > 5 && p.Name[len(p.Name)-5:] == "_test"
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Add has the go command read text where it would read path.
func (o *Overlay) Add(path string, text []byte) error {
	kept, err := keep(o.dir, filepath.Base(path), text)
	if err != nil {
		return err
	}
	o.Replace[path] = kept
	return nil
}

// keep stores text below dir under a name made from its content.
func keep(dir, base string, text []byte) (string, error) {
	sum := sha256.Sum256(text)
	folder := filepath.Join(dir, hex.EncodeToString(sum[:12]))
	path := filepath.Join(folder, base)
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return path, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("keep %s: %w", base, err)
	}
	return path, writeFile(path, text, 0o600)
}

// writeFile replaces path by a file with the text, at once or not at all.
func writeFile(path string, text []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".monitorgen-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteJSON stores the overlay in the form of the go command's -overlay flag
// and returns the file's path.
func (o *Overlay) WriteJSON() (string, error) {
	text, err := json.MarshalIndent(struct{ Replace map[string]string }{o.Replace}, "", "\t")
	if err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	return keep(o.dir, "overlay.json", text)
}

// Paths returns the replaced and added paths, sorted.
func (o *Overlay) Paths() []string {
	paths := make([]string, 0, len(o.Replace))
	for p := range o.Replace {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return paths
}
