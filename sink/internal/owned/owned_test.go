//go:build unix

package owned

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	mine, link := filepath.Join(dir, "mine"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(mine, 0o700), os.Symlink(mine, link)); err != nil {
		t.Fatal(err)
	}
	if err := Check(mine); err != nil {
		t.Error(err)
	}
	if err := Check(link); !errors.Is(err, ErrForeign) {
		t.Errorf("a link: %v", err)
	}
	if err := Check(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	foreign := "/" // of root
	if os.Geteuid() == 0 {
		foreign = mine
		if err := os.Chown(mine, 12345, -1); err != nil {
			t.Skipf("chown: %v", err)
		}
	}
	if err := Check(foreign); !errors.Is(err, ErrForeign) {
		t.Errorf("somebody else's: %v", err)
	}
}
