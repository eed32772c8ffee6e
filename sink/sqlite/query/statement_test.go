package query

import (
	"errors"
	"testing"
)

func TestSingle(t *testing.T) {
	tests := []struct {
		text, want string
		err        error
	}{
		{"SELECT 1", "SELECT 1", nil},
		{" -- first\n/* ; */ select 1 ; -- last;\n", "select 1 ", nil},
		{";; VALUES (1);;", "VALUES (1)", nil},
		{`SELECT ';', ";", [;], ` + "`;`" + `, 'it''s; fine'`, `SELECT ';', ";", [;], ` + "`;`" + `, 'it''s; fine'`, nil},
		{"SELECT 'open; DROP", "SELECT 'open; DROP", nil},
		{"SELECT 1; SELECT 2", "", ErrSeveralStatements},
		{"SELECT 1; 2", "", ErrSeveralStatements},
		{"SELECT '''; SELECT 2; --'; SELECT 3", "", ErrSeveralStatements},
		{"42; SELECT 1", "", ErrSeveralStatements},
		{"42", "", ErrNotReading},
		{"ATTACH 'x' AS x", "", ErrNotReading},
		{"PRAGMA query_only = 0", "", ErrNotReading},
		{"/**/DROP TABLE x", "", ErrNotReading},
		{" ; /* open", "", ErrNoStatement},
		{"", "", ErrNoStatement},
	}
	for _, tt := range tests {
		got, err := Single(tt.text)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Single(%q) = %q, %v, want %q, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func FuzzSingle(f *testing.F) {
	f.Add("SELECT ';' -- ;\n;")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Single(text)
		if err != nil {
			return
		}
		if again, err := Single(got); err != nil || again != got {
			t.Errorf("Single(%q) = %q, and of that %q, %v", text, got, again, err)
		}
	})
}
