package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/internal/owned"
)

// place is where files are kept. Names have slashes.
type place interface {
	// put keeps the whole of a file under a name, or nothing.
	put(ctx context.Context, name string, file *os.File) error
	// get opens a file. The error wraps fs.ErrNotExist if there is none.
	get(ctx context.Context, name string) (content, error)
	list(ctx context.Context) ([]Entry, error)
	String() string
}

// content is an open file of a place.
type content interface {
	io.ReaderAt
	io.Closer
	size() int64
}

// Entry is a file of an archive.
type Entry struct {
	Name     string
	Size     int64
	Modified time.Time
}

// openPlace understands a folder, file:///folder, and
// s3://bucket/prefix?endpoint=https://host:port&region=name.
func openPlace(target string, getenv func(string) string) (place, error) {
	if target == "" {
		return nil, errors.New("open archive: no folder or s3:// URL is named")
	}
	scheme, _, found := strings.Cut(target, "://")
	if !found {
		return newFolder(target)
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("open archive: not a URL") // the error would repeat it, with a password perhaps
	}
	if u.User != nil {
		return nil, errors.New("open archive: no credentials in the URL: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are read from the environment")
	}
	switch scheme {
	case "file":
		return newFolder(u.Path)
	case "s3":
		return newBucket(u, getenv)
	}
	return nil, fmt.Errorf("open archive: %s is neither a folder nor an s3:// URL", target)
}

// folder keeps files in a folder and those below it.
type folder string

func newFolder(path string) (folder, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(path, 0o700)
	}
	if err == nil {
		err = owned.Check(path)
	}
	if err != nil {
		return "", fmt.Errorf("open archive: %w", err)
	}
	return folder(path), nil
}

func (f folder) String() string { return string(f) }

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

// unfinished is the end of the names of files that are being written.
const unfinished = ".unfinished"

// put writes beside the name first: what has the name is whole, and on the disk.
func (f folder) put(_ context.Context, name string, file *os.File) error {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f.sweep(filepath.Dir(path))
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+unfinished) // mode 0600
	if err != nil {
		return err
	}
	step("created")
	if _, err = file.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(to, file)
	}
	if err == nil {
		err = to.Sync()
	}
	if e := to.Close(); err == nil {
		err = e
	}
	step("copied")
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		os.Remove(to.Name())
		return err
	}
	step("renamed")
	return syncFolder(filepath.Dir(path))
}

// sweptAfter is how old an unfinished file is that nobody writes any more.
const sweptAfter = time.Hour

// sweep removes what those left that were killed in the middle of put.
func (f folder) sweep(dir string) {
	paths, _ := filepath.Glob(filepath.Join(dir, "*"+unfinished))
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > sweptAfter {
			os.Remove(path)
		}
	}
}

// syncFolder makes a new name in a folder outlive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f folder) get(_ context.Context, name string) (content, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, err
	}
	return fileContent(file)
}

func (f folder) list(context.Context) (entries []Entry, err error) {
	err = filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) != extension {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(string(f), path)
		entries = append(entries, Entry{Name: filepath.ToSlash(name), Size: info.Size(), Modified: info.ModTime()})
		return err
	})
	return entries, err
}

// fileOnDisk is a file as content.
type fileOnDisk struct {
	*os.File
	bytes int64
}

func (f fileOnDisk) size() int64 { return f.bytes }

func fileContent(file *os.File) (content, error) {
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return fileOnDisk{file, info.Size()}, nil
}

// scratch returns a file that nobody else may read and that is gone with discard;
// on Unix it has no name, and is gone with its process, too.
func scratch() (*os.File, error) {
	f, err := os.CreateTemp("", "monitorgen-archive-*")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name()) // fails on Windows
	return f, nil
}

func discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
