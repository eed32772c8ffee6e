// Package web is the dashboard's front end: TypeScript and Svelte in src,
// built by scripts/web into dist, which is committed and embedded so that an
// install needs no Node.
//
// In come requests for pages and files, out go the embedded bytes. It imports
// the standard library alone and knows nothing of the API.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// file is one embedded file, ready to be sent.
type file struct {
	kind    string // Content-Type
	tag     string // ETag
	plain   []byte
	gzipped []byte // nil where compression gains nothing
	forever bool   // its name changes with its content
}

// Handler serves the front end: its files by their names, and the page itself
// for every other path, because the page's own router knows which there are.
// It answers GET and HEAD; a missing file of assets/ is 404.
func Handler() http.Handler {
	files, err := readAll()
	if err != nil {
		panic("the embedded front end cannot be read: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		f, ok := files[strings.TrimPrefix(path.Clean(r.URL.Path), "/")]
		if !ok {
			if strings.HasPrefix(r.URL.Path, "/assets/") {
				http.NotFound(w, r)
				return
			}
			f = files["index.html"]
		}
		f.send(w, r)
	})
}

func (f *file) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gzipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body) // a client that has gone is no concern of ours
	}
}

// readAll compresses once what is sent often: a few hundred kilobytes.
func readAll() (map[string]*file, error) {
	files := map[string]*file{}
	return files, fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		f := &file{
			kind:    contentType(name),
			tag:     `"` + hex.EncodeToString(sum[:8]) + `"`,
			plain:   plain,
			forever: strings.HasPrefix(name, "dist/assets/"),
		}
		if zipped, err := compress(plain); err != nil {
			return err
		} else if len(zipped) < len(plain) {
			f.gzipped = zipped
		}
		files[strings.TrimPrefix(name, "dist/")] = f
		return nil
	})
}

func compress(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// contentType does not ask the machine's tables for the types that matter: a
// script that is sent as text does not run.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
		return "application/octet-stream"
	}
}
