//go:build unix

package chserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// npmPackage has chdb's library, which is a current engine.
const npmPackage = "@chdb/lib-linux-x64-gnu@26.5.3"

// libraries is the folder that Install installs into.
func libraries() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "monitorgen-engines"), err
}

// Library returns where chdb's library is.
func Library() (string, error) {
	dir, err := libraries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "node_modules", "@chdb", "lib-linux-x64-gnu", "libchdb.so")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("chdb's library: %w: scripts/engines brings it from npm", ErrNone)
	}
	return path, nil
}

// Install brings the library from npm, 560 MB, where it is not here yet.
func Install(ctx context.Context) error {
	if _, err := Library(); err == nil {
		return nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("chdb's library: %w: it is for linux/amd64", ErrNone)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("chdb's library: %w, and no npm to bring it", ErrNone)
	}
	dir, err := libraries()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--prefix", dir, npmPackage).CombinedOutput(); err != nil {
		return fmt.Errorf("chdb's library: %w, and npm does not bring it: %v\n%s", ErrNone, err, out)
	}
	return nil
}

// buildShim builds what serves the library. It needs a C compiler.
func buildShim(ctx context.Context, path string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/monitorgen/monitorgen").Output()
	if err != nil {
		return fmt.Errorf("find bench/chdb: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	build.Dir = filepath.Join(strings.TrimSpace(string(root)), "bench", "chdb")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("bench/chdb: %w: it does not build: %v\n%s", ErrNone, err, out)
	}
	return nil
}
