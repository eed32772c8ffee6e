package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// valueWidth is how many characters of a value are shown within a line.
const valueWidth = 40

// humanDuration shows a duration with three digits: 340ns, 1.2µs, 4.56ms, 1.2s,
// and from a thousand seconds on as 16m40s.
func humanDuration(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{time.Nanosecond, "ns"}, {time.Microsecond, "µs"}, {time.Millisecond, "ms"}, {time.Second, "s"}}
	for _, u := range units {
		text := strconv.FormatFloat(float64(d)/float64(u.size), 'g', 3, 64)
		if !strings.Contains(text, "e") {
			return text + u.name
		}
	}
	return d.Round(time.Second).String()
}

// humanBytes shows a size with three digits: 340 B, 1.2 MiB.
func humanBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	size := float64(n)
	for len(units) > 1 && size >= 1000 {
		size, units = size/1024, units[1:]
	}
	return strconv.FormatFloat(size, 'g', 3, 64) + " " + units[0]
}

// cut shortens text to so many characters, the last of which says so.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// oneLine shows control characters, which recorded values may hold, as Go
// would write them: a line stays a line, and a terminal stays as it was.
func oneLine(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// callText shows a call as source would: name(arguments) = results.
func callText(c *query.Call) string {
	text := oneLine(c.Process) + "(" + valuesText(c.Arguments) + ")"
	switch results := c.Results; {
	case c.Panicked():
		return text + " " + cut(firstLine(c.Exception), 2*valueWidth)
	case len(results) == 1:
		text += " = " + valueText(results[0])
	case len(results) > 1:
		text += " = (" + valuesText(results) + ")"
	}
	if c.Failed && !holds(c.Results, c.Exception) {
		text += " error: " + cut(oneLine(c.Exception), 2*valueWidth)
	}
	return text
}

func valuesText(values []query.Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = oneLine(v.Name) + "=" + valueText(v)
	}
	return strings.Join(parts, ", ")
}

func valueText(v query.Value) string { return cut(oneLine(v.Text()), valueWidth) }

// holds reports whether the error text is among the results.
func holds(results []query.Value, exception string) bool {
	for _, r := range results {
		if r.Text() == exception {
			return true
		}
	}
	return false
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return oneLine(first)
}

// maxColumn is the widest that one long cell makes a column.
const maxColumn = 60

// textTable prints aligned columns.
type textTable struct {
	head  []string
	right []bool // numbers; shorter than head: the rest are to the left
	rows  [][]string
}

func (t *textTable) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *textTable) print(w io.Writer) {
	widths := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), maxColumn))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0))
			if i > 0 {
				line.WriteString("  ")
			}
			if i < len(t.right) && t.right[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
