package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// crashes is the command "crashes BARE RECORDED...": all are builds of a program
// that prints the names of its cases when run with -list, and ends each case in
// its own way. Whatever BARE prints and returns, the others have to, down to the
// frames and their lines. Of a case whose name begins with first-line only the
// first line counts: the rest differs from run to run.
func crashes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: crashes BARE RECORDED...")
	}
	env := append(os.Environ(), "MONITOR_SPOOL="+ts.Getenv("MONITOR_SPOOL"))
	names, err := exec.Command(ts.MkAbs(args[0]), "-list").Output()
	ts.Check(err)
	for _, name := range strings.Fields(string(names)) {
		want := endOf(ts.MkAbs(args[0]), name, env)
		if want == "" {
			ts.Fatalf("%s says nothing", name)
		}
		for _, recorded := range args[1:] {
			if got := endOf(ts.MkAbs(recorded), name, env); got != want {
				ts.Fatalf("%s ends otherwise in %s; bare:\n%s\nrecorded:\n%s", name, recorded, want, got)
			}
		}
	}
}

// endOf runs a program and returns all that it prints and how it ends, without
// what differs between any two runs.
func endOf(program, arg string, env []string) string {
	cmd := exec.Command(program, arg)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	text := out.String()
	if strings.HasPrefix(arg, "first-line-") {
		text, _, _ = strings.Cut(text, "\n")
	}
	return comparable(text) + fmt.Sprintf("exit code %d\n", cmd.ProcessState.ExitCode())
}

var (
	goroutineNumber = regexp.MustCompile(`goroutine \d+( gp=0x[0-9a-f]+ m=\d+ mp=0x[0-9a-f]+)?`)
	frameArguments  = regexp.MustCompile(`(?m)^(\S.*)\(.*\)$`)
	framePosition   = regexp.MustCompile(`(?m)^\t(.+\.go):(\d+)( \+0x[0-9a-f]+)?( fp=.*)?$`)
	hexadecimal     = regexp.MustCompile(`0x[0-9a-f]+`)
	inserted        = regexp.MustCompile(`/\*monitor:generated\*/ defer [^;]*; `)
	logTime         = regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)
)

// comparable replaces what differs between any two crashes; the position of a
// frame becomes the line of source that is there, since generating in place
// moves lines. What moves none is caught by other scripts.
func comparable(text string) string {
	text = goroutineNumber.ReplaceAllString(text, "goroutine N")
	text = frameArguments.ReplaceAllString(text, "$1(...)")
	text = framePosition.ReplaceAllStringFunc(text, func(position string) string {
		m := framePosition.FindStringSubmatch(position)
		return "\t" + sourceLine(m[1], m[2])
	})
	text = hexadecimal.ReplaceAllString(text, "0x")
	return withoutSystem(logTime.ReplaceAllString(text, ""))
}

// withoutSystem leaves the goroutines of Go's runtime out, which are in the
// output of some crashes: whether one had a reason to start yet is chance.
func withoutSystem(text string) string {
	parts := strings.Split(text, "\n\n")
	parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Contains(part, "\ncreated by runtime.") })
	return strings.TrimSuffix(strings.Join(parts, "\n\n"), "\n") + "\n"
}

// sourceLine returns the text of a line of a file.
func sourceLine(path, number string) string {
	src, err := os.ReadFile(path)
	n, _ := strconv.Atoi(number)
	lines := strings.Split(string(src), "\n")
	if err != nil || n < 1 || n > len(lines) {
		return path + ":" + number
	}
	return inserted.ReplaceAllString(strings.TrimSpace(lines[n-1]), " ")
}
