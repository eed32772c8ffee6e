package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// takeover is the command "takeover ROUNDS FILE PROGRAM": it runs the program and
// two agents that drain the folder spool into all.db. In each round the elder
// agent is killed with SIGKILL, the other has to store what comes after that, and
// a new one is started. Then the program is killed, and the agents end as they
// are told to. All lines that the program has written are in FILE.
func takeover(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: takeover ROUNDS FILE PROGRAM")
	}
	rounds, err := strconv.Atoi(args[0])
	ts.Check(err)
	program := exec.Command(ts.MkAbs(args[2]))
	program.Env = append(os.Environ(), "MONITOR_SPOOL="+ts.MkAbs("spool"))
	out, err := program.StdoutPipe()
	ts.Check(err)
	ts.Check(program.Start())
	written := make(chan []byte, 1)
	go func() {
		var all bytes.Buffer
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				written <- all.Bytes()
				return
			}
			all.Write(line)
		}
	}()

	agents := []*agentProcess{startAgent(ts), startAgent(ts)}
	defer func() {
		program.Process.Kill()
		for _, a := range agents {
			a.cmd.Process.Kill()
		}
	}()
	for range rounds {
		waitForMore(ts)
		elder := agents[0]
		ts.Check(elder.cmd.Process.Kill())
		elder.cmd.Wait()
		agents = append(agents[1:], startAgent(ts))
		waitForMore(ts)
	}
	ts.Check(program.Process.Kill())
	program.Wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), <-written, 0o600))
	for _, a := range agents {
		ts.Check(a.cmd.Process.Signal(syscall.SIGTERM))
		if err := a.cmd.Wait(); err != nil {
			ts.Fatalf("an agent ended by %v\n%s", err, a.says())
		}
	}
}

type agentProcess struct {
	cmd *exec.Cmd
	log string // the file of its log
}

func (a *agentProcess) says() string {
	text, _ := os.ReadFile(a.log)
	return string(text)
}

func startAgent(ts *testscript.TestScript) *agentProcess {
	a := &agentProcess{cmd: exec.Command(filepath.Join(binaries(ts), "monitorgen"), "agent", "-db", ts.MkAbs("all.db"), "-spool", ts.MkAbs("spool"), "-interval", "10ms", "-batch", "500")}
	log, err := os.CreateTemp(ts.Getenv("WORK"), "agent-*.log")
	ts.Check(err)
	defer log.Close()
	a.cmd.Stderr, a.log = log, log.Name()
	ts.Check(a.cmd.Start())
	// Before that it does not listen to signals.
	for deadline := time.Now().Add(time.Minute); !strings.Contains(a.says(), "the agent starts"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("an agent does not start: %s", a.says())
		}
	}
	return a
}

// binaries is where testscript has put the commands.
func binaries(ts *testscript.TestScript) string {
	return filepath.SplitList(ts.Getenv("PATH"))[0]
}

// waitForMore returns when more calls are stored than there were.
func waitForMore(ts *testscript.TestScript) {
	for begin, deadline := int64(-1), time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		stored := storedCalls(ts.MkAbs("all.db"))
		if begin < 0 {
			begin = stored
		}
		if stored > begin {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nobody stores more than %d calls", stored)
		}
	}
}

// storedCalls is 0 for a database that is being made.
func storedCalls(path string) int64 {
	ctx := context.Background()
	db, err := query.Open(ctx, path)
	if err != nil {
		return 0
	}
	defer db.Close()
	table, err := db.SQL(ctx, "SELECT total(value) FROM sink_stats WHERE name = 'calls'", 1)
	if err != nil || len(table.Rows) != 1 {
		return 0
	}
	n, _ := table.Rows[0][0].(float64)
	return int64(n)
}
