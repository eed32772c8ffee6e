// Package manifest describes an instrumented package: its recorded functions,
// what each of their values is called, and the types of structs among them.
// The generator writes one description per package into the generated code,
// the runtime passes it on unread, the sink turns it into rows of the table
// functions.
//
// In: a Package. Out: a compact string, and back.
// May import: the standard library only.
package manifest

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxSize bounds what Decode inflates, so that a damaged spool cannot take all memory.
const maxSize = 64 << 20

// Package is what one generated companion says of its package.
type Package struct {
	Path      string     `json:"path"` // import path
	Name      string     `json:"name"` // name in the package clause
	Functions []Function `json:"functions"`
	Types     []Type     `json:"types,omitempty"`
}

// Function is one recorded function.
type Function struct {
	Key       uint64  `json:"key"`            // what the generated code passes to the runtime
	Name      string  `json:"name"`           // Price, (*Desk).Price, Set[T].Add
	Process   string  `json:"process"`        // the name shown: option name=, or desk.(*Desk).Price
	Group     string  `json:"group"`          // option group=, or the import path
	File      string  `json:"file"`           // base name, or path as the build knew it
	Line      int     `json:"line,omitempty"` // 0: find it in the file's text (KindSource)
	Signature string  `json:"signature"`      // func (d *Desk) Price(qty int) (float64, error)
	Source    string  `json:"source,omitempty"`
	Options   string  `json:"options,omitempty"` // the directive's options, as in force
	Data      []Datum `json:"data,omitempty"`    // in the order in which the values are encoded
}

// Datum is one recorded argument or result.
type Datum struct {
	Name   string `json:"name"`
	Type   string `json:"type"`             // the static Go type
	Output bool   `json:"output,omitempty"` // a result
}

// Type is a struct type whose values the package's encoders write. Its number
// is its index in Package.Types.
type Type struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
}

// formDeflate opens a compressed description. Without it the description is
// JSON, which starts with a brace.
const formDeflate = 'z'

// EncodeText returns the description as indented JSON.
func (p *Package) EncodeText() (string, error) {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return "", fmt.Errorf("manifest: encode %s: %w", p.Path, err)
	}
	return string(text), nil
}

// Encode returns the description as a compact string of arbitrary bytes.
func (p *Package) Encode() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("manifest: encode %s: %w", p.Path, err)
	}
	b := bytes.NewBuffer([]byte{formDeflate})
	w, err := flate.NewWriter(b, flate.BestCompression)
	if err != nil {
		return "", fmt.Errorf("manifest: encode %s: %w", p.Path, err)
	}
	if _, err := w.Write(text); err != nil {
		return "", fmt.Errorf("manifest: encode %s: %w", p.Path, err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("manifest: encode %s: %w", p.Path, err)
	}
	return b.String(), nil
}

// Decode is the inverse of Encode and EncodeText. It is safe on hostile input.
func Decode(s string) (*Package, error) {
	text := []byte(s)
	if len(s) > 0 && s[0] == formDeflate {
		var err error
		r := flate.NewReader(strings.NewReader(s[1:]))
		if text, err = io.ReadAll(io.LimitReader(r, maxSize)); err != nil {
			return nil, fmt.Errorf("manifest: decode: %w", err)
		}
	}
	p := new(Package)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("manifest: decode: %w", err)
	}
	return p, nil
}
