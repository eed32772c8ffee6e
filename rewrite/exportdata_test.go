package rewrite

import (
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// exportData imports packages from what the go command compiled them to. It
// knows the packages that it was asked for and all that they need; package
// runtime, which generated code imports, is always among them.
type exportData struct {
	types.Importer
	files map[string]string // by import path
}

// newExportData has the go command compile the packages.
func newExportData(paths ...string) (*exportData, error) {
	args := []string{"list", "-e", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}", runtimePath, autostartPath}
	cmd := exec.Command("go", append(args, paths...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	d := &exportData{files: make(map[string]string)}
	for _, line := range strings.Fields(string(out)) {
		if path, file, ok := strings.Cut(line, "="); ok {
			d.files[path] = file
		}
	}
	d.Importer = importer.ForCompiler(token.NewFileSet(), "gc", d.open)
	return d, nil
}

func (d *exportData) open(path string) (io.ReadCloser, error) {
	file, ok := d.files[path]
	if !ok {
		return nil, fmt.Errorf("no export data of %s", path)
	}
	return os.Open(file)
}

// fuzzImports are the packages that fuzzed files may import: what the seeds
// import most, without what drags in half of the standard library.
var fuzzImports = strings.Fields(`bufio bytes cmp context embed encoding encoding/binary encoding/json errors fmt
	io iter maps math math/big math/bits math/rand os path/filepath reflect regexp runtime runtime/debug slices sort
	strconv strings sync sync/atomic testing time unicode unicode/utf8 unsafe`)

var fuzzExportData = sync.OnceValues(func() (*exportData, error) { return newExportData(fuzzImports...) })

// fuzzImporter returns the importer that all iterations of this process share.
func fuzzImporter(tb testing.TB) *exportData {
	tb.Helper()
	d, err := fuzzExportData()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// lockedImporter shares export data between tests that run at once.
type lockedImporter struct {
	*exportData
	mu sync.Mutex
}

func (l *lockedImporter) Import(path string) (*types.Package, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exportData.Import(path)
}

// mappedImporter imports for one package, which may name vendored ones.
type mappedImporter struct {
	types.Importer
	paths map[string]string // of packages that are found under another path
}

func (m mappedImporter) Import(path string) (*types.Package, error) {
	if other, ok := m.paths[path]; ok {
		path = other
	}
	return m.Importer.Import(path)
}
