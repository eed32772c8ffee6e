package rewrite

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// A vendor folder takes no addition: the go command compares vendor/modules.txt
// with go.mod and reads it past any overlay. But the folder holds all that the
// build needs. So in the overlay every module of it is replaced by its part of the
// folder, which gets a go.mod there, and the build goes the way of modules: the
// same files, at the same paths, and nothing is looked up anywhere else.

// vendored tells whether the build reads the vendor folder of root, the folder of
// go.mod or go.work.
func (b *Build) vendored(root string, version *modfile.Go) bool {
	if !exists(vendorList(root)) {
		return false
	}
	oldest := 14 // since when a vendor folder is read unasked
	if b.GoWork != "" {
		oldest = 22
	}
	return b.ModFlag == "vendor" || b.ModFlag == "" && version != nil && !olderThan(version.Version, oldest)
}

func vendorList(root string) string { return filepath.Join(root, "vendor", "modules.txt") }

// vendoredModule is one module of a vendor folder.
type vendoredModule struct {
	path, version string
	goVersion     string // "" where its go.mod had none
}

// vendoredModules reads vendor/modules.txt, of which only the lines that begin
// with # are about modules:
//
//	# golang.org/x/mod v0.30.0 => ../mod
//	## explicit; go 1.24.0
func vendoredModules(root string) ([]*vendoredModule, error) {
	file, err := os.Open(vendorList(root))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var modules []*vendoredModule
	var last *vendoredModule
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if module, ok := strings.CutPrefix(line, "# "); ok {
			last = nil
			words := strings.Fields(module)
			if len(words) > 1 && words[1] != "=>" { // else a replacement that is not used
				last = &vendoredModule{path: words[0], version: words[1]}
				modules = append(modules, last)
			}
			continue
		}
		if notes, ok := strings.CutPrefix(line, "## "); ok && last != nil {
			for _, note := range strings.Split(notes, ";") {
				if version, ok := strings.CutPrefix(strings.TrimSpace(note), "go "); ok {
					last.goVersion = version
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", vendorList(root), err)
	}
	return modules, nil
}

// addVendored adds the go.mod files that the modules lack in the vendor folder,
// and has the go command look at them.
func (o *Overlay) addVendored(root string) ([]*vendoredModule, error) {
	modules, err := vendoredModules(root)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		text := "module " + modfile.AutoQuote(m.path) + "\n"
		if m.goVersion != "" {
			text += "\ngo " + m.goVersion + "\n"
		}
		if err := o.Add(filepath.Join(m.dir(root), "go.mod"), []byte(text)); err != nil {
			return nil, err
		}
	}
	o.ModFlag = "readonly"
	return modules, nil
}

func (m *vendoredModule) dir(root string) string {
	return filepath.Join(root, "vendor", filepath.FromSlash(m.path))
}

// unvendorModule has a go.mod require all that its vendor folder has, from there.
func (o *Overlay) unvendorModule(root string, mod *modfile.File) error {
	modules, err := o.addVendored(root)
	if err != nil {
		return err
	}
	required := make(map[string]bool)
	for _, r := range mod.Require {
		required[r.Mod.Path] = true
	}
	for _, m := range modules {
		for _, old := range mod.Replace {
			if old.Old.Path == m.path {
				if err := mod.DropReplace(old.Old.Path, old.Old.Version); err != nil {
					return err
				}
			}
		}
		if err := mod.AddReplace(m.path, "", m.dir(root), ""); err != nil {
			return err
		}
		if !required[m.path] {
			mod.AddNewRequire(m.path, m.version, true)
		} else if err := mod.AddRequire(m.path, m.version); err != nil {
			return err
		}
	}
	return nil
}

// unvendorWorkspace has a go.work replace all that its vendor folder has.
func (o *Overlay) unvendorWorkspace(root string, work *modfile.WorkFile) error {
	modules, err := o.addVendored(root)
	if err != nil {
		return err
	}
	for _, m := range modules {
		for _, old := range work.Replace {
			if old.Old.Path == m.path {
				if err := work.DropReplace(old.Old.Path, old.Old.Version); err != nil {
					return err
				}
			}
		}
		if err := work.AddReplace(m.path, "", m.dir(root), ""); err != nil {
			return err
		}
	}
	return nil
}
