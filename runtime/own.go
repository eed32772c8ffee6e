package runtime

import (
	"fmt"
	"os"
)

// checkOwn refuses a spool folder that is a symbolic link or belongs to another
// user: whoever made it would read what is recorded.
func checkOwn(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return fmt.Errorf("%s is a symbolic link; name what it points to", folder)
	}
	if owner, known := ownerOf(info); known && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, this process to %d", folder, owner, os.Geteuid())
	}
	return nil
}
