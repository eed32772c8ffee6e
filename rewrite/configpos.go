package rewrite

import (
	"go/token"
	"strconv"
	"strings"
)

// The TOML package says where a text is not TOML, and not where a key stands in
// one that is. tomlPositions finds that out: it walks over a text that has been
// parsed, so that it only has to tell headers, keys and values apart.

// tomlPositions returns the positions of the tables and keys of a valid text, by
// tomlKey. The tables of an array have a number behind their name: group.0.
func tomlPositions(path, text string) map[string]token.Position {
	w := &tomlWalk{path: path, text: text, line: 1, found: make(map[string]token.Position), counts: make(map[string]int)}
	var table []string
	for w.skipSpace(true); w.at < len(w.text); w.skipSpace(true) {
		pos := w.position()
		if w.text[w.at] == '[' {
			table = w.header(pos)
			continue
		}
		key := w.key()
		w.note(pos, append(table[:len(table):len(table)], key...))
		w.value()
	}
	return w.found
}

// tomlKey joins the parts of a key; none of them can have a zero byte.
func tomlKey(parts ...string) string { return strings.Join(parts, "\x00") }

type tomlWalk struct {
	path, text string
	at         int
	line       int
	lineStart  int
	found      map[string]token.Position
	counts     map[string]int // tables of an array so far
}

func (w *tomlWalk) position() token.Position {
	return token.Position{Filename: w.path, Offset: w.at, Line: w.line, Column: w.at - w.lineStart + 1}
}

// note keeps the first position of a key and of what is around it.
func (w *tomlWalk) note(pos token.Position, key []string) {
	for n := 1; n <= len(key); n++ {
		if _, ok := w.found[tomlKey(key[:n]...)]; !ok {
			w.found[tomlKey(key[:n]...)] = pos
		}
	}
}

func (w *tomlWalk) step() {
	if w.text[w.at] == '\n' {
		w.line++
		w.lineStart = w.at + 1
	}
	w.at++
}

// skipSpace skips blanks, and with lines set comments and line ends too.
func (w *tomlWalk) skipSpace(lines bool) {
	for w.at < len(w.text) {
		switch c := w.text[w.at]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			w.step()
		case lines && c == '#':
			w.comment()
		default:
			return
		}
	}
}

func (w *tomlWalk) comment() {
	for w.at < len(w.text) && w.text[w.at] != '\n' {
		w.at++
	}
}

// header reads [a.b] or [[a.b]] and returns the path of the table.
func (w *tomlWalk) header(pos token.Position) []string {
	brackets := 0
	for w.at < len(w.text) && w.text[w.at] == '[' {
		brackets++
		w.at++
	}
	var path []string
	for i, part := range w.keyParts(']') {
		path = append(path, part)
		if n, ok := w.counts[tomlKey(path...)]; ok && i < len(path) {
			path = append(path, strconv.Itoa(n-1)) // the newest table of that array
		}
	}
	for w.at < len(w.text) && w.text[w.at] == ']' {
		w.at++
	}
	if brackets == 2 {
		name := path
		if _, again := w.counts[tomlKey(name[:len(name)-1]...)]; again {
			name = name[:len(name)-1] // without the number of the one before
		}
		n := w.counts[tomlKey(name...)]
		w.counts[tomlKey(name...)] = n + 1
		path = append(name[:len(name):len(name)], strconv.Itoa(n))
	}
	w.note(pos, path)
	return path
}

// key reads a key and the = behind it.
func (w *tomlWalk) key() []string {
	parts := w.keyParts('=')
	if w.at < len(w.text) {
		w.at++
	}
	return parts
}

// keyParts reads a dotted key up to a character that ends it.
func (w *tomlWalk) keyParts(end byte) (parts []string) {
	for w.at < len(w.text) && w.text[w.at] != end {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '.':
			w.at++
		case '"', '\'':
			start := w.at
			w.quoted()
			part := w.text[start:w.at]
			if plain, err := strconv.Unquote(part); err == nil && c == '"' {
				part = plain
			} else {
				part = strings.Trim(part, `'"`)
			}
			parts = append(parts, part)
		default:
			start := w.at
			for w.at < len(w.text) && !strings.ContainsRune(" \t.=]\"'\n", rune(w.text[w.at])) {
				w.at++
			}
			if w.at == start { // not in valid text
				w.at++
			}
			parts = append(parts, w.text[start:w.at])
		}
	}
	return parts
}

// value skips a value: to the end of the line, if no bracket is open.
func (w *tomlWalk) value() {
	depth := 0
	for w.at < len(w.text) {
		switch c := w.text[w.at]; c {
		case '"', '\'':
			w.quoted()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '#':
			w.comment()
			continue
		case '\n':
			if depth <= 0 {
				return
			}
		}
		w.step()
	}
}

// quoted skips a string of any of the four kinds.
func (w *tomlWalk) quoted() {
	quote := w.text[w.at : w.at+1]
	end := quote
	if strings.HasPrefix(w.text[w.at:], strings.Repeat(quote, 3)) {
		end = strings.Repeat(quote, 3)
	}
	w.at += len(end)
	for w.at < len(w.text) && !strings.HasPrefix(w.text[w.at:], end) {
		if quote == `"` && w.text[w.at] == '\\' && w.at+1 < len(w.text) {
			w.step()
		}
		w.step()
	}
	w.at = min(w.at+len(end), len(w.text))
	for len(end) == 3 && w.at < len(w.text) && w.text[w.at] == quote[0] {
		w.at++ // quotes that belong to the string, in front of the three that end it
	}
}
