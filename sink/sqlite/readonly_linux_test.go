package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// nobody owns nothing.
const nobody = 65534

// asNobody runs f with the access to files that nobody has, also when the test
// is run by root, who may write anywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	f()
}

// readOnly makes a folder of the test reachable for nobody, but not writable.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, d := range []string{filepath.Dir(dir), dir} {
			os.Chmod(d, 0o755)
		}
	})
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	readOnly(t, dir)
	path := filepath.Join(dir, "m.db")
	asNobody(t, func() {
		if _, err := Open(context.Background(), path); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open = %v", err)
		}
	})
}

func TestReadOnlySpool(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "m.db"))
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Die()
	if err := os.Chmod(w.Dir, 0o555); err != nil {
		t.Fatal(err)
	}
	readOnly(t, folder)
	asNobody(t, func() {
		_, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: s}).Once(context.Background())
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), folder) {
			t.Errorf("Once = %v", err)
		}
	})
}
