package export

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Time is nanoseconds since 1970: text in JSON, since it exceeds 2^53.
// 0 is null.
type Time int64

func (m Time) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(m), 10)), nil
}

// Call is a call in JSON, as docs/api.md describes it.
type Call struct {
	Call      string  `json:"call"`
	Parent    *string `json:"parent"`
	Trace     string  `json:"trace"`
	Func      int64   `json:"func"`
	Process   string  `json:"process"`
	Group     string  `json:"group"`
	Start     Time    `json:"start_ns"`
	Duration  *int64  `json:"duration_ns"`
	Status    string  `json:"status"`
	Panic     bool    `json:"panic"`
	Exception *string `json:"exception"`
	Depth     int64   `json:"depth"`
	Goroutine int64   `json:"goroutine"`
	Arguments []Value `json:"arguments"`
	Results   []Value `json:"results"`
}

// Value is an argument or a result.
type Value struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Text   string          `json:"text"`
	Cut    bool            `json:"cut,omitempty"`
	Masked bool            `json:"masked,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
}

// ListWidth is how many characters of a text a list shows.
const ListWidth = 200

// NewCall makes the form of a call that JSON shows: in full, or as in a list, where
// texts are cut and the values themselves are left out.
func NewCall(c *query.Call, full bool) Call {
	row := Call{
		Call: c.ID.String(), Trace: query.CallID{Run: c.ID.Run, Call: c.Trace}.String(), Func: c.Function,
		Process: c.Process, Group: c.Group, Start: Time(c.Start.UnixNano()), Status: statusText(c.Failed), Panic: c.Panicked(),
		Depth: c.Depth, Goroutine: c.Goroutine, Arguments: values(c.Arguments, full), Results: values(c.Results, full),
	}
	if c.Parent != 0 {
		parent := query.CallID{Run: c.ID.Run, Call: c.Parent}.String()
		row.Parent = &parent
	}
	if !c.Untimed {
		ns := int64(c.Duration)
		row.Duration = &ns
	}
	if c.Exception != "" {
		text := c.Exception
		if !full {
			text, _, _ = strings.Cut(text, "\n")
			text, _ = Cut(text, ListWidth)
		}
		row.Exception = &text
	}
	return row
}

func statusText(failed bool) string {
	if failed {
		return "ERR"
	}
	return "OK"
}

func values(values []query.Value, full bool) []Value {
	rows := make([]Value, len(values))
	for i, v := range values {
		row := Value{Name: v.Name, Type: v.Type, Text: v.Text(), Masked: string(v.JSON) == `"***"`}
		if full {
			row.Value = v.JSON
		} else {
			row.Text, row.Cut = Cut(row.Text, ListWidth)
		}
		rows[i] = row
	}
	return rows
}

// Cut shortens a text to so many characters, the last of which says so.
func Cut(text string, width int) (string, bool) {
	if len(text) <= width || utf8.RuneCountInString(text) <= width {
		return text, false
	}
	n := 0
	for i := range text {
		if n++; n == width {
			return text[:i] + "…", true
		}
	}
	return text, false
}
