package rewrite

import (
	"bytes"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/tools/go/gcexportdata"
)

// exportImporter imports packages from export data, the go command's and ours,
// so that a type has one identity throughout a build.
type exportImporter struct {
	fset *token.FileSet

	mu       sync.Mutex
	files    map[string]string         // export data, by import path
	known    map[string]*types.Package // whole or in part
	complete map[string]*types.Package
}

func newExportImporter(fset *token.FileSet, exports map[string]string) *exportImporter {
	i := &exportImporter{fset: fset, files: make(map[string]string), known: make(map[string]*types.Package), complete: make(map[string]*types.Package)}
	for path, file := range exports {
		i.files[path] = file
	}
	return i
}

// add names the export data of a package.
func (i *exportImporter) add(path, file string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.files[path] = file
}

// Import implements types.Importer.
func (i *exportImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if pkg := i.complete[path]; pkg != nil {
		return pkg, nil
	}
	file, ok := i.files[path]
	if !ok {
		return nil, fmt.Errorf("import %s: %w", path, errSlow)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	pkg, err := i.read(data, path)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	i.complete[path] = pkg
	return pkg, nil
}

// read reads our own export data, or the compiler's, which is in an archive.
func (i *exportImporter) read(data []byte, path string) (*types.Package, error) {
	if !bytes.HasPrefix(data, []byte("!<arch>")) {
		return gcexportdata.Read(bytes.NewReader(data), i.fset, i.known, path)
	}
	//lint:ignore SA1019 the only way to the export data in an archive; later go commands write none
	section, err := gcexportdata.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return gcexportdata.Read(section, i.fset, i.known, path)
}

// exportText returns the export data of a package. It has no positions: with
// them every line inserted would look like a change to the packages that import it.
func exportText(pkg *types.Package) ([]byte, error) {
	var out bytes.Buffer
	err := gcexportdata.Write(&out, token.NewFileSet(), pkg)
	return out.Bytes(), err
}

// exportPath is where export data with this hash is kept.
func (o *Overlay) exportPath(hash string) string {
	return filepath.Join(o.dir, "export", hash[:2], hash)
}

// keepExport stores export data and returns its hash.
func (o *Overlay) keepExport(text []byte) (string, error) {
	hash := textHash(text)
	path := o.exportPath(hash)
	if exists(path) {
		return hash, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return hash, writeFile(path, text, 0o600)
}
