package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxLength is how many bytes a query may have, and MaxTerms how many terms.
const (
	MaxLength = 4096
	MaxTerms  = 64
)

// Error says what is wrong with a query and where.
type Error struct {
	Text     string // the query
	Position int    // in bytes
	Message  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("query, character %d: %s", utf8.RuneCountInString(e.Text[:e.Position])+1, e.Message)
}

// Parse reads a query. Its errors are of type *Error.
func Parse(text string) (Query, error) {
	p := &parser{text: text}
	if len(text) > MaxLength {
		return Query{}, p.errorf(MaxLength, "a query has at most %d bytes", MaxLength)
	}
	if !utf8.ValidString(text) {
		return Query{}, p.errorf(0, "not text: it has bytes that are no UTF-8")
	}
	q := Query{Text: text}
	for {
		p.skipBlanks()
		if p.at == len(text) {
			return q, nil
		}
		if len(q.Terms) == MaxTerms {
			return Query{}, p.errorf(p.at, "a query has at most %d terms", MaxTerms)
		}
		term, err := p.term()
		if err != nil {
			return Query{}, err
		}
		q.Terms = append(q.Terms, term)
	}
}

// parser is a query that has been read up to a place.
type parser struct {
	text string
	at   int
}

func (p *parser) errorf(at int, format string, args ...any) *Error {
	// A position inside of a character would cut it.
	for at > 0 && at < len(p.text) && !utf8.RuneStart(p.text[at]) {
		at--
	}
	return &Error{p.text, min(at, len(p.text)), fmt.Sprintf(format, args...)}
}

func (p *parser) rest() string { return p.text[p.at:] }

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) skipBlanks() {
	for p.at < len(p.text) && blank(p.text[p.at]) {
		p.at++
	}
}

func (p *parser) term() (t Term, err error) {
	t.Start = p.at
	if p.text[p.at] == '-' && p.at+1 < len(p.text) && !blank(p.text[p.at+1]) {
		t.Not = true
		p.at++
	}
	if p.text[p.at] == '"' || p.text[p.at] == '`' {
		var v Value
		v.Text, err = p.quoted()
		t.Field, t.Op, t.Values, t.End = Words, Contains, []Value{v}, p.at
		return t, err
	}
	if name, op := p.head(); op != "" {
		err = p.comparison(&t, name, op)
	} else {
		p.word(&t)
	}
	t.End = p.at
	return t, err
}

// head returns the field and the operator that the rest begins with; op is ""
// where it does not begin with letters that an operator follows.
func (p *parser) head() (name string, op Op) {
	end := strings.IndexAny(p.rest(), ":=!<>~ \t\r\n\"`")
	if end <= 0 {
		return "", ""
	}
	op, _ = operator(p.rest()[end:])
	return p.rest()[:end], op
}

// operator returns the one that text begins with, and its length.
func operator(text string) (Op, int) {
	for _, op := range []Op{NotEqual, AtMost, AtLeast, Is, Equal, Less, Greater, Contains} {
		if strings.HasPrefix(text, string(op)) {
			return op, len(op)
		}
	}
	return "", 0
}

// word reads a flag or a word of free text.
func (p *parser) word(t *Term) {
	end := strings.IndexAny(p.rest(), " \t\r\n")
	if end < 0 {
		end = len(p.rest())
	}
	text := p.rest()[:end]
	p.at += end
	t.Field, t.Op, t.Values = Words, Contains, []Value{{Text: text}}
	switch low := strings.ToLower(text); low {
	case "err", "ok", "panic":
		t.Field, t.Op, t.Values = Status, Is, []Value{{Text: low}}
	}
}

func (p *parser) comparison(t *Term, name string, op Op) error {
	start := p.at
	head, path, dotted := strings.Cut(name, ".")
	field := Field(strings.ToLower(head))
	rule, known := rules[field]
	switch {
	case !known || dotted && !rule.path:
		return p.errorf(start, "no field %q%s; put text that is searched for in quotes", name, nearestField(head))
	case rule.path && !validPath(path):
		return p.errorf(start, "%s needs a name or a position, as in %s.qty or %s.0", head, head, head)
	}
	t.Field = field
	if rule.path {
		t.Path = strings.Split(path, ".")
	}
	p.at += len(name) + len(op)
	if op == Is {
		if further, n := operator(p.rest()); n > 0 && further != Is {
			op = further
			p.at += n
		}
	}
	if !strings.Contains(rule.ops, " "+string(op)+" ") {
		return p.errorf(p.at-len(op), "%s cannot be compared by %s", head, op)
	}
	t.Op = op
	return p.values(t, rule)
}

// validPath reports whether a path can be asked for in JSON: no part empty, no
// quotes, no brackets.
func validPath(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if part == "" || strings.ContainsAny(part, "\\\"[]*") || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' }) {
			return false
		}
	}
	return true
}

// values reads the value, or values with commas between them.
func (p *parser) values(t *Term, rule rule) error {
	for {
		start := p.at
		var v Value
		var err error
		if strings.HasPrefix(p.rest(), `"`) || strings.HasPrefix(p.rest(), "`") {
			v.Text, err = p.quoted()
		} else {
			end := strings.IndexAny(p.rest(), ", \t\r\n")
			if end < 0 {
				end = len(p.rest())
			}
			v.Text = p.rest()[:end]
			p.at += end
			if v.Text == "" {
				return p.errorf(start, "%s%s needs a value", t.Field, t.Op)
			}
		}
		if err != nil {
			return err
		}
		if rule.read != nil {
			if err := rule.read(&v); err != nil {
				return p.errorf(start, "%s: %v", t.Field, err)
			}
		}
		if v.High != 0 && t.Op != Is && t.Op != Equal {
			return p.errorf(start, "%s: a range cannot be compared by %s", t.Field, t.Op)
		}
		t.Values = append(t.Values, v)
		if !strings.HasPrefix(p.rest(), ",") {
			return nil
		}
		if len(t.Values) == MaxTerms {
			return p.errorf(p.at, "a term has at most %d values", MaxTerms)
		}
		p.at++
	}
}

// quoted reads a text in quotes, with Go's escapes. What follows it must be a
// blank, a comma or the end.
func (p *parser) quoted() (string, error) {
	prefix, err := strconv.QuotedPrefix(p.rest())
	if err != nil {
		return "", p.errorf(p.at, "a quote that does not end")
	}
	text, err := strconv.Unquote(prefix)
	if err != nil {
		return "", p.errorf(p.at, "not a quoted text: %v", err)
	}
	p.at += len(prefix)
	if p.at < len(p.text) && !blank(p.text[p.at]) && p.text[p.at] != ',' {
		return "", p.errorf(p.at, "a blank is missing behind the quote")
	}
	return text, nil
}
