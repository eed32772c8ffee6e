package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/monitorgen/monitorgen/rewrite"
)

// toolexecCommand is what a build with coverage has the go command run its
// tools by. It is not for users.
const toolexecCommand = "toolexec"

// coverExec returns the value of -toolexec that lets coverage see the overlay;
// other is what the user has put there.
func coverExec(overlay, other string) string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return strings.TrimSpace(strings.Join([]string{quoteWord(program), toolexecCommand, quoteWord(overlay), other}, " "))
}

// quoteWord quotes a word as the go command reads them in lists.
func quoteWord(s string) string {
	switch {
	case !strings.ContainsAny(s, " \t\n'\""):
		return s
	case !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// fromEnvironment takes in what GOFLAGS asks for.
func (g *goLine) fromEnvironment(b *rewrite.Build) {
	for _, f := range b.GoFlags() {
		name, value, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "cover", "coverprofile", "coverpkg", "covermode":
			g.cover = g.cover || value != "false"
		case "toolexec":
			if g.toolexec == "" {
				g.toolexec = value
			}
		}
	}
}

// runToolexec runs one of the go command's tools:
//
//	monitorgen toolexec OVERLAY [WORDS...] TOOL ARGUMENTS...
func runToolexec(ctx context.Context, e *env, args []string) int {
	if len(args) < 2 {
		return e.failf("usage: monitorgen %s OVERLAY TOOL ARGUMENTS...: the go command runs this in builds with coverage", toolexecCommand)
	}
	overlay, tool := args[0], args[1:]
	at := coverAt(tool)
	if at < 0 {
		return exitCodeOf(e, e.tool(ctx, tool))
	}
	if len(tool) == at+2 && tool[at+1] == "-V=full" {
		return e.coverVersion(ctx, tool)
	}
	return exitCodeOf(e, rewrite.CoverTool(overlay, tool[at+1:], func(args []string) error {
		return e.tool(ctx, append(tool[:at+1:at+1], args...))
	}))
}

// coverAt returns which word names the cover tool, or -1. What follows the
// tool's name are flags, files, or nothing.
func coverAt(words []string) int {
	for i, w := range words {
		name := strings.TrimSuffix(filepath.Base(w), ".exe")
		if name == "cover" && filepath.IsAbs(w) && (i+1 == len(words) || strings.HasPrefix(words[i+1], "-")) {
			return i
		}
		if strings.HasPrefix(w, "-") {
			return -1
		}
	}
	return -1
}

// coverVersion prints the tool's version with ours behind it, since what
// this version makes of its output is kept in the go command's cache.
func (e *env) coverVersion(ctx context.Context, tool []string) int {
	cmd := exec.CommandContext(ctx, tool[0], tool[1:]...)
	cmd.Stderr = e.stderr
	out, err := cmd.Output()
	if err != nil {
		return exitCodeOf(e, err)
	}
	line := strings.TrimSpace(string(out))
	separator := " "
	if strings.Contains(line, " buildID=") { // of which the end counts
		separator = "-"
	}
	fmt.Fprintf(e.stdout, "%s%smonitorgen-%s\n", line, separator, rewrite.CoverVersion)
	return exitDone
}

// tool runs a program as it would run without us.
func (e *env) tool(ctx context.Context, words []string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.stdin, e.stdout, e.stderr
	return cmd.Run()
}

// exitCodeOf returns the exit code of a program that was run in our place, or
// says what else went wrong.
func exitCodeOf(e *env, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return e.failf("%v", err)
}
