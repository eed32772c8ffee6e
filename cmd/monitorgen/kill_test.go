package main

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// killAfter is the command "killafter N FILE PROGRAM [ARG...]": it runs the
// program, kills it with SIGKILL when it has written N lines, and puts all
// whole lines that had come through the pipe by then into FILE.
func killAfter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: killafter N FILE PROGRAM [ARG...]")
	}
	lines, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(ts.MkAbs(args[2]), args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "MONITOR_SPOOL="+ts.Getenv("MONITOR_SPOOL"))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	acknowledged, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer acknowledged.Close()
	r := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil {
			break // what the program had not finished is not acknowledged
		}
		_, err = acknowledged.WriteString(line)
		ts.Check(err)
		if n == lines {
			ts.Check(cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil {
		ts.Fatalf("%s ended before it was killed", args[2])
	}
}
