package main

import (
	"regexp"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// crashLine matches what a crash says of itself and of each frame: message,
// function, file and line. Addresses and arguments are left out.
var crashLine = regexp.MustCompile(`(?m)^(?:panic: .*|fatal error: .*|created by \S+|(\S+)\(.*\)|\t\S+:\d+)`)

var arguments = regexp.MustCompile(`\([^()]*\)$`)

// sameFrames is the command "frames FILE FILE": it compares what two crashes print.
func sameFrames(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: frames FILE FILE")
	}
	want, got := crashFrames(ts.ReadFile(args[0])), crashFrames(ts.ReadFile(args[1]))
	if len(want) < 4 {
		ts.Fatalf("%s shows no crash: %q", args[0], want)
	}
	if !slices.Equal(want, got) {
		ts.Fatalf("%s has\n%q\n%s has\n%q", args[0], want, args[1], got)
	}
}

func crashFrames(text string) []string {
	var frames []string
	for _, line := range crashLine.FindAllString(text, -1) {
		frames = append(frames, arguments.ReplaceAllString(line, "()"))
	}
	return frames
}
