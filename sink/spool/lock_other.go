//go:build !unix

package spool

import (
	"errors"
	"os"
)

// tryLock refuses: without flock nobody could tell a dead process from a living one.
func tryLock(f *os.File, _ bool) (bool, error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}
