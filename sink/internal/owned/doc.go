// Package owned tells files of ours from those that somebody put in their place.
// What is recorded is nobody else's business: a spool or a database behind a
// symbolic link, or in a folder of another user, could be anybody's.
//
// In: a path. Out: nil, or what is wrong with it.
// May import: the standard library.
package owned

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrForeign says that a file is not ours.
var ErrForeign = errors.New("not a file of ours")

// Check refuses a symbolic link and what belongs to another user than the one
// this process acts as. Only the last element of the path is looked at. A path that does not exist gives
// an error that wraps fs.ErrNotExist.
func Check(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: %w: it is a symbolic link; name what it points to", path, ErrForeign)
	}
	if owner, known := ownerOf(info); known && owner != os.Geteuid() {
		return fmt.Errorf("%s: %w: it belongs to user %d, this process to %d", path, ErrForeign, owner, os.Geteuid())
	}
	return nil
}
