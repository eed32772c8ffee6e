package image

import (
	"bytes"
	"fmt"
	"io/fs"
	"time"

	"modernc.org/sqlite/vfs"
)

// fileName is that of the table in its file system.
const fileName = "image"

// Files shows a Table to SQLite as the only file of a file system.
type Files struct {
	name string
	vfs  *vfs.FS
}

// Serve makes a table known to the SQLite of this process.
func Serve(t *Table) (*Files, error) {
	name, served, err := vfs.New(folder{t})
	if err != nil {
		return nil, fmt.Errorf("serve a table in memory: %w", err)
	}
	return &Files{name, served}, nil
}

// URI is what ATTACH takes.
func (f *Files) URI() string { return "file:" + fileName + "?mode=ro&vfs=" + f.name }

// Close ends it. Connections that attached the table must be closed before.
func (f *Files) Close() error { return f.vfs.Close() }

// folder is an fs.FS of one file.
type folder struct{ table *Table }

func (d folder) Open(name string) (fs.File, error) {
	if name != fileName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{table: d.table}, nil
}

// file reads what the table is at each moment.
type file struct {
	table  *Table
	reader bytes.Reader
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.reader.Reset(f.table.file)
	return f.reader.Seek(offset, whence)
}

func (f *file) Read(b []byte) (int, error) { return f.reader.Read(b) }
func (f *file) Stat() (fs.FileInfo, error) { return info(len(f.table.file)), nil }
func (f *file) Close() error               { return nil }

// info is the fs.FileInfo of a file of so many bytes.
type info int

func (i info) Name() string     { return fileName }
func (i info) Size() int64      { return int64(i) }
func (info) Mode() fs.FileMode  { return 0o400 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
