package filter

import (
	"encoding/json"
	"strings"
)

// Like is a pattern of SQL's LIKE, with a backslash as its escape, for what
// contains a text, with * for any text.
func Like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`).Replace(text) + "%"
}

// LikeJSON is Like for a text within a string in JSON. ok is false for what is no text.
func LikeJSON(text string) (pattern string, ok bool) {
	escaped, err := json.Marshal(text)
	if err != nil {
		return "", false
	}
	return Like(strings.Trim(string(escaped), `"`)), true
}
