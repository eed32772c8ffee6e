package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Table is the result of a statement. Values are nil, int64, float64, string
// or []byte.
type Table struct {
	Columns   []string
	Rows      [][]any
	Truncated bool // there were more rows
}

// What SQL refuses to run.
var (
	ErrSeveralStatements = errors.New("more than one statement")
	ErrNotReading        = errors.New("not run: statements begin with SELECT, WITH, VALUES or EXPLAIN here")
	ErrNoStatement       = errors.New("no statement")
)

// SQL runs one statement that reads and returns at most limit rows.
func (d *DB) SQL(ctx context.Context, statement string, limit int) (*Table, error) {
	statement, err := Single(statement)
	if err != nil {
		return nil, err
	}
	rows, err := d.db.QueryContext(ctx, statement)
	if err != nil {
		return nil, d.fail("run the statement", err)
	}
	defer rows.Close()
	table := &Table{Rows: [][]any{}}
	if table.Columns, err = rows.Columns(); err != nil {
		return nil, d.fail("run the statement", err)
	}
	for rows.Next() {
		if len(table.Rows) == limit {
			table.Truncated = true
			return table, nil
		}
		row, into := make([]any, len(table.Columns)), make([]any, len(table.Columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, d.fail("run the statement", err)
		}
		table.Rows = append(table.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("run the statement", err)
	}
	return table, nil
}

// Single returns the one statement in text, without what ends it. What it
// starts with is checked because a read-only connection is not enough: ATTACH
// makes a file, and VACUUM INTO writes one.
func Single(text string) (string, error) {
	statement := ""
	for text != "" && statement == "" {
		statement, text = cutStatement(text)
		statement = skipBlank(statement)
	}
	for text != "" {
		var next string
		if next, text = cutStatement(text); skipBlank(next) != "" {
			return "", ErrSeveralStatements
		}
	}
	switch word := strings.ToUpper(firstWord(statement)); word {
	case "SELECT", "WITH", "VALUES", "EXPLAIN":
		return statement, nil
	case "":
		if statement == "" {
			return "", ErrNoStatement
		}
		return "", fmt.Errorf("%q is %w", statement, ErrNotReading)
	default:
		return "", fmt.Errorf("%s is %w", word, ErrNotReading)
	}
}

// cutStatement cuts text behind its first semicolon outside of quotes and
// comments, and leaves the semicolon out.
func cutStatement(text string) (statement, rest string) {
	for i := 0; i < len(text); {
		if text[i] == ';' {
			return text[:i], text[i+1:]
		}
		i += tokenLength(text[i:])
	}
	return text, ""
}

// tokenLength is that of the quoted text or the comment that text starts with,
// else 1.
func tokenLength(text string) int {
	end := ""
	skip := 1
	switch {
	case strings.HasPrefix(text, "--"):
		end, skip = "\n", 2
	case strings.HasPrefix(text, "/*"):
		end, skip = "*/", 2
	case text[0] == '[':
		end = "]"
	case text[0] == '\'' || text[0] == '"' || text[0] == '`':
		end = text[:1] // a doubled quote is two quoted texts
	default:
		return 1
	}
	if i := strings.Index(text[skip:], end); i >= 0 {
		return skip + i + len(end)
	}
	return len(text)
}

// skipBlank returns text from its first character that is neither space nor comment.
func skipBlank(text string) string {
	for text != "" {
		switch {
		case strings.HasPrefix(text, "--"), strings.HasPrefix(text, "/*"):
			text = text[tokenLength(text):]
		case strings.ContainsRune(" \t\r\n\f", rune(text[0])):
			text = text[1:]
		default:
			return text
		}
	}
	return ""
}

// firstWord returns the letters that a statement starts with.
func firstWord(statement string) string {
	if i := strings.IndexFunc(statement, func(r rune) bool { return !unicode.IsLetter(r) }); i >= 0 {
		return statement[:i]
	}
	return statement
}
