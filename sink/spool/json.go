package spool

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendFloat appends the shortest number that reads back as v, or its name as
// text for what JSON has no number for.
func appendFloat(out []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(out, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(out, `"+Inf"`...)
	case math.IsInf(v, -1):
		return append(out, `"-Inf"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(out, v, format, -1, bits)
}

func appendEscapedString(out []byte, s string) []byte { return appendEscaped(out, []byte(s)) }

// appendEscaped appends the inside of a JSON string. A byte that is not UTF-8
// becomes U+FFFD.
func appendEscaped(out, text []byte) []byte {
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, text[from:i]...)
		i++
		from = i
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\t':
			out = append(out, '\\', 't')
		case '\r':
			out = append(out, '\\', 'r')
		default:
			if c >= utf8.RuneSelf {
				out = append(out, string(utf8.RuneError)...)
			} else {
				out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
	}
	return append(out, text[from:]...)
}

// validText makes text that any database takes.
func validText(b []byte) string { return strings.ToValidUTF8(string(b), string(utf8.RuneError)) }
