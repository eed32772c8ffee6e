package status

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/monitorgen/monitorgen/sink/internal/flock"
)

// A file is one page: the CRC-32 of the text in hexadecimal digits, the text,
// which is JSON on one line, and spaces.
const (
	fileSize = 4096
	sumSize  = 9 // with the space behind it
	suffix   = ".status"
	prefix   = "drainer-"
	making   = "." // in front of the name of a file that is not locked yet

	maxText = 200 // of a Status's strings, in bytes: in JSON, six times that at most
)

// File is the file of one drainer.
type File struct {
	f    *os.File
	path string
}

// Create makes the file of a drainer in a spool folder, and removes those of
// drainers that were killed.
func Create(folder string, s Status) (*File, error) {
	removeDead(folder)
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("show the status: %w", err)
	}
	name := prefix + hex.EncodeToString(id[:]) + suffix
	hidden := filepath.Join(folder, making+name)
	f, err := os.OpenFile(hidden, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("show the status: %w", err)
	}
	file := &File{f: f, path: filepath.Join(folder, name)}
	locked, err := flock.Try(f, true)
	if err == nil && !locked {
		err = errors.New("somebody locked it")
	}
	if err == nil {
		err = file.Write(s)
	}
	if err == nil {
		err = os.Rename(hidden, file.path)
	}
	if err != nil {
		f.Close()
		os.Remove(hidden)
		return nil, fmt.Errorf("show the status: %w", err)
	}
	return file, nil
}

// Write replaces the Status.
func (f *File) Write(s Status) error {
	s.Host, s.Program, s.Error = short(s.Host), short(s.Program), short(s.Error)
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("show the status: %w", err)
	}
	page := bytes.Repeat([]byte{' '}, fileSize)
	page[fileSize-1] = '\n'
	copy(page, sumOf(text))
	copy(page[sumSize:], text)
	if _, err := f.f.WriteAt(page, 0); err != nil {
		return fmt.Errorf("show the status: %w", err)
	}
	return nil
}

// Close removes the file.
func (f *File) Close() error {
	return errors.Join(os.Remove(f.path), f.f.Close())
}

func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

func sumOf(text []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) }

// Read returns what the living drainers of a spool folder say, in no order. A
// folder that does not exist has none.
func Read(folder string) ([]Status, error) {
	paths, err := files(folder)
	if err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	var all []Status
	for _, path := range paths {
		s, err := readFile(path)
		switch {
		case err == nil:
			all = append(all, s)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDead):
			return all, fmt.Errorf("read the status: %s: %w", path, err)
		}
	}
	return all, nil
}

// files returns the regular files of a folder that are named as ours.
func files(folder string) (paths []string, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths, err
}

var (
	errDead = errors.New("its drainer has ended")
	errTorn = errors.New("not the status of a drainer")
)

// readings is how often a file that is being written is read.
const readings = 8

func readFile(path string) (s Status, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	free, err := flock.Try(f, false)
	if err != nil {
		return s, err
	}
	if free {
		return s, errDead
	}
	page := make([]byte, fileSize)
	for range readings {
		if _, err := f.ReadAt(page, 0); err != nil {
			return s, err
		}
		text := bytes.TrimSpace(page[sumSize:])
		if string(page[:sumSize-1]) == sumOf(text) {
			return s, json.Unmarshal(text, &s)
		}
	}
	return s, errTorn
}

// removeDead removes the files of drainers that have ended without doing so.
func removeDead(folder string) {
	paths, _ := files(folder)
	for _, path := range paths {
		if f, err := os.Open(path); err == nil {
			if free, err := flock.Try(f, true); free && err == nil {
				os.Remove(path)
			}
			f.Close()
		}
	}
}
