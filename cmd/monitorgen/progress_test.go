package main

import (
	"bytes"
	"testing"
)

func TestProgress(t *testing.T) {
	var nowhere, terminal bytes.Buffer
	for _, p := range []*progress{(&env{stderr: &nowhere}).progress(), {w: &terminal}} {
		p.say("%d calls", 7)
		p.say("%d calls", 8) // too soon
		p.end()
		p.end()
	}
	if nowhere.Len() > 0 {
		t.Errorf("shown where there is no terminal: %q", nowhere.String())
	}
	if got, want := terminal.String(), "\r\x1b[K7 calls\r\x1b[K"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}
