package spool

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/flock"
	"github.com/monitorgen/monitorgen/sink/internal/owned"
)

// QuarantineFolder is where damaged segments go, within the spool folder.
const QuarantineFolder = "quarantine"

// ErrBusy says that somebody else drains the run.
var ErrBusy = errors.New("somebody else drains this run")

// List returns the ids of the runs in a spool folder. A folder that does not
// exist has none.
func List(spool string) ([]string, error) {
	entries, err := os.ReadDir(spool)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list spool: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if _, ok := parseID(e.Name()); ok && e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Check refuses a spool folder, or that of a run, that is a symbolic link or
// belongs to another user. A folder that does not exist gives an error that wraps
// fs.ErrNotExist.
func Check(folder string) error {
	if err := owned.Check(folder); err != nil {
		return fmt.Errorf("check spool: %w", err)
	}
	return nil
}

func parseID(name string) (id [16]byte, ok bool) {
	if len(name) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(name))
	return id, err == nil
}

// Alive reports whether the process of a run still lives. It takes no drain lock.
func Alive(spool, id string) (bool, error) {
	f, err := os.Open(filepath.Join(spool, id, wire.LiveLockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("probe run: %w", err)
	}
	defer f.Close()
	free, err := flock.Try(f, false)
	if err != nil {
		return true, fmt.Errorf("probe run: %w", err)
	}
	return !free, nil
}

// takeLock locks the file, and makes sure that it is still the one at path: the
// reader before us may have removed the run.
func takeLock(lock *os.File, path string) error {
	ok, err := flock.Try(lock, true)
	if err != nil {
		return err
	}
	if !ok {
		return ErrBusy
	}
	mine, err := lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(mine, there) {
		return fs.ErrNotExist
	}
	return nil
}
