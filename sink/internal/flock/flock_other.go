//go:build !unix

package flock

import (
	"errors"
	"os"
)

// Try refuses: without flock nobody could tell a dead process from a living one.
func Try(f *os.File, _ bool) (bool, error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}
