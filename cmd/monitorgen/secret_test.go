package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/monitorgen/monitorgen/sink/archive"
)

// bytesIn is the command "[!] bytesin TEXT PATH...": some file there, or below it,
// has the text; with !, none has.
func bytesIn(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: bytesin TEXT PATH...")
	}
	var found []string
	files := 0
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(args[0])) {
				found = append(found, path)
			}
			return err
		}))
	}
	if files == 0 {
		ts.Fatalf("no file in %q", args[1:])
	}
	if neg == (len(found) > 0) {
		ts.Fatalf("%q is in %q", args[0], found)
	}
}

// private is the command "private PATH...": the files and folders there, and all
// below, are for their owner alone.
func private(ts *testscript.TestScript, neg bool, args []string) {
	for _, root := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				ts.Fatalf("%s has mode %v", path, info.Mode())
			}
			return err
		}))
	}
}

// archiveTable is the command "archivetable DB TABLE FOLDER".
func archiveTable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: archivetable DB TABLE FOLDER")
	}
	a, err := archive.Open(ts.MkAbs(args[2]), os.Getenv, nil)
	ts.Check(err)
	_, err = a.Keep(context.Background(), ts.MkAbs(args[0]), args[1])
	ts.Check(err)
}
