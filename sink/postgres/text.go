package postgres

import "strings"

// PostgreSQL's text has no place for a zero byte, nor its JSON functions for an
// escaped one: U+FFFD stands for it.

// clean makes text that PostgreSQL takes.
func clean(text string) string {
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// cleanJSON does so within JSON text.
func cleanJSON(text string) string {
	const zero = `\u0000`
	if !strings.Contains(text, zero) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			out.WriteByte(text[i])
		case strings.HasPrefix(text[i:], zero):
			out.WriteString(`\ufffd`)
			i += len(zero) - 1
		default: // the escaped character is part of the escape: a backslash begins no other
			out.WriteString(text[i:min(i+2, len(text))])
			i++
		}
	}
	return out.String()
}
