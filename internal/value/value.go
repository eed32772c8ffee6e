// Package value makes text of recorded values for people.
//
// In: a value in JSON, as docs/values.md describes it. Out: text.
// May import: the standard library.
package value

import (
	"encoding/json"
	"strings"
)

// Text returns a value as data_trace shows it: strings without quotes, nil, what a
// dynamic type holds, and JSON for the rest.
func Text(raw json.RawMessage) string {
	text := string(raw)
	var dynamic struct {
		Value json.RawMessage `json:"$value"`
	}
	if strings.HasPrefix(text, `{"$type"`) && json.Unmarshal(raw, &dynamic) == nil && dynamic.Value != nil {
		text = string(dynamic.Value)
	}
	var unquoted string
	switch {
	case text == "null":
		return "nil"
	case strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &unquoted) == nil:
		return unquoted
	}
	return text
}
