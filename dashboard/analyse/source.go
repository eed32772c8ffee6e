package analyse

import (
	"go/scanner"
	"go/token"
	"strings"
)

// SourceLine is a line of Go source in tokens.
type SourceLine struct {
	Tokens []Token
}

// Token is text of one kind.
type Token struct {
	Kind string // keyword, comment, string, number, operator, name (the function's own), or "" for the rest
	Text string
}

// Source cuts the text of a function into lines and tokens. Joined again they
// are the text; a text that is not Go comes out too.
func Source(text, name string) []SourceLine {
	lines := []SourceLine{{}}
	emit := func(kind, text string) {
		for i, part := range strings.Split(text, "\n") {
			if i > 0 {
				lines = append(lines, SourceLine{})
			}
			if part == "" {
				continue
			}
			last := &lines[len(lines)-1]
			if n := len(last.Tokens); n > 0 && last.Tokens[n-1].Kind == kind {
				last.Tokens[n-1].Text += part
				continue
			}
			last.Tokens = append(last.Tokens, Token{kind, part})
		}
	}
	own := name[strings.LastIndexByte(name, '.')+1:]
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, scanner.ScanComments)
	done := 0
	named := false
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			break
		}
		at := file.Offset(pos)
		length := len(literal)
		if literal == "" {
			length = len(tok.String())
		}
		if tok == token.SEMICOLON && literal == "\n" || at < done || at+length > len(text) {
			continue // inserted by the scanner
		}
		if raw := text[at:]; literal != "" && !strings.HasPrefix(raw, literal) {
			continue // a comment with carriage returns, which the scanner takes out
		}
		emit("", text[done:at])
		kind := kindOf(tok)
		if tok == token.IDENT && literal == own && !named {
			kind, named = "name", true
		}
		emit(kind, text[at:at+length])
		done = at + length
	}
	emit("", text[done:])
	return lines
}

func kindOf(tok token.Token) string {
	switch {
	case tok == token.COMMENT:
		return "comment"
	case tok == token.STRING || tok == token.CHAR:
		return "string"
	case tok.IsLiteral() && tok != token.IDENT:
		return "number"
	case tok.IsKeyword():
		return "keyword"
	case tok.IsOperator():
		return "operator"
	}
	return ""
}
