package rewrite

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// everything asks for the long form of the tests that run over Go's own source.
var everything = flag.Bool("everything", false, "all of Go's own source, not a sample")

// scriptFiles returns the Go files of the archives in testdata/script and
// testdata/golden, and what was found before.
func scriptFiles(tb testing.TB) [][]byte {
	tb.Helper()
	var found [][]byte
	for _, pattern := range []string{"../testdata/script/*.txtar", "testdata/golden/*.txtar", "testdata/found.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			tb.Fatalf("no archives match %s: %v", pattern, err)
		}
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			for _, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".go") && !isCompanion(f.Data) && !isMarked(f.Data) {
					found = append(found, f.Data)
				}
			}
		}
	}
	return found
}

// goTests are the compiler's and the type checker's own tests, below GOROOT.
var goTests = []string{
	"test/*.go", "test/fixedbugs/*.go", "test/typeparam/*.go", "test/ken/*.go", "test/chan/*.go", "test/interface/*.go",
	"src/internal/types/testdata/check/*.go", "src/internal/types/testdata/examples/*.go",
	"src/internal/types/testdata/fixedbugs/*.go", "src/internal/types/testdata/spec/*.go",
	"src/cmd/compile/internal/syntax/testdata/*.go",
}

// goTestFiles returns every nth of the files that Go's own tests compile and
// that have a function; none where GOROOT comes without tests.
func goTestFiles(tb testing.TB, nth int) [][]byte {
	tb.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	var paths []string
	for _, pattern := range goTests {
		found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), filepath.FromSlash(pattern)))
		paths = append(paths, found...)
	}
	sort.Strings(paths)
	var texts [][]byte
	for i, path := range paths {
		if i%nth != 0 {
			continue
		}
		text, err := os.ReadFile(path)
		const big = 32 << 10 // generated, all lines alike
		if err == nil && len(text) < big && bytes.Contains(text, []byte("func ")) {
			texts = append(texts, text)
		}
	}
	return texts
}
