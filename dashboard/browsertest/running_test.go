//go:build unix

package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// steady is testdata/steady at work, and its dashboard.
type steady struct {
	database string
	run      *exec.Cmd // monitorgen run
	server   *Server
}

// startSteady starts the program, and waits until its calls are stored.
func startSteady(t *testing.T) *steady {
	t.Helper()
	ctx := context.Background()
	s := &steady{database: filepath.Join(t.TempDir(), "steady.db")}
	s.run = tool.RecordingHere(ctx, s.database, "./testdata/steady")
	s.run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals go to all of it, as from a terminal
	must(t, s.run.Start())
	t.Cleanup(func() {
		s.signal(syscall.SIGINT)
		s.run.Wait()
	})
	until(t, "the database is there", func() (err error) {
		if _, err := os.Stat(s.database); err != nil {
			return err
		}
		s.server, err = tool.Serve(ctx, s.database)
		return err
	})
	t.Cleanup(func() { s.server.Close() })
	until(t, "a call is stored", func() error {
		_, err := s.newest("beat")
		return err
	})
	return s
}

func (s *steady) signal(signal syscall.Signal) error { return syscall.Kill(-s.run.Process.Pid, signal) }

// recorded is a call as the API tells it.
type recorded struct {
	Call               string
	Arguments, Results []struct{ Text string }
}

func (s *steady) newest(function string) (recorded, error) {
	var answer struct{ Rows []recorded }
	if err := GetJSON(s.server.URL+"/api/v1/calls?limit=1&q=fn:"+function, &answer); err != nil {
		return recorded{}, err
	}
	if len(answer.Rows) == 0 {
		return recorded{}, fmt.Errorf("no call of %s is stored", function)
	}
	return answer.Rows[0], nil
}

func (s *steady) click(t *testing.T, tab *Tab, selector string) {
	t.Helper()
	must(t, tab.Wait("document.querySelector("+strconv.Quote(selector)+")?.disabled === false"))
	must(t, tab.Run(chromedp.Click(chromedp.CSS(selector))))
}

// What is recorded of a running program is changed by clicks, and the list of
// functions says so.
func TestControlOfARunningProgram(t *testing.T) {
	s := startSteady(t)
	tab := newTab(t, s.server.URL)
	must(t, tab.Open("/funcs"))
	must(t, tab.Wait(`[...document.querySelectorAll('[role=row]')].some((row) => /beat.*full$/s.test(row.innerText.trim()))`))
	fn := get[struct{ Rows []struct{ ID int } }](t, s.server.URL+"/api/v1/funcs?q=fn:beat").Rows[0].ID
	must(t, tab.Open("/funcs/"+itoa(fn)))
	must(t, tab.WaitText("1 running process takes it up within a second"))
	pressed := func(mode string) string {
		return `[...document.querySelectorAll('[aria-label="What is recorded"] button')].find((b) => b.ariaPressed === 'true')?.innerText === ` + strconv.Quote(mode)
	}
	must(t, tab.Wait(pressed("full")))
	shape := func(arguments, results int) func() error {
		return func() error {
			c, err := s.newest("beat")
			if err == nil && (len(c.Arguments) != arguments || len(c.Results) != results) {
				err = fmt.Errorf("the newest call has %d arguments and %d results", len(c.Arguments), len(c.Results))
			}
			return err
		}
	}
	until(t, "everything is recorded", shape(1, 1))
	s.click(t, tab, `[aria-label="What is recorded"] button:nth-child(2)`)
	must(t, tab.Wait(pressed("args")))
	until(t, "arguments alone are recorded", shape(1, 0))
	s.click(t, tab, `[aria-label="What is recorded"] button:nth-child(3)`)
	must(t, tab.Wait(pressed("timing")))
	until(t, "times alone are recorded", shape(0, 0))
	must(t, tab.Open("/funcs"))
	must(t, tab.Wait(`[...document.querySelectorAll('[role=row]')].some((row) => /beat.*timing$/s.test(row.innerText.trim()))`))
	must(t, tab.Open("/funcs/"+itoa(fn)))
	s.click(t, tab, `.control button[title="Take the change away"]`)
	must(t, tab.Wait(pressed("full")))
	until(t, "everything is recorded again", shape(1, 1))
}

// Calls that have not ended are on a page, with their arguments, and are opened as
// any other; the queues say what waits.
func TestCallsInFlight(t *testing.T) {
	s := startSteady(t)
	tab := newTab(t, s.server.URL)
	must(t, tab.Open("/"))
	must(t, tab.Wait(`/^In flight\s+1\s+longest/m.test(document.querySelector('.tiles').innerText)`))
	must(t, tab.Wait(`/^calls\s+[\d.]+ (B|KiB|MiB)\s/m.test([...document.querySelectorAll('table')].find((t) => t.innerText.includes('Waiting'))?.innerText)`))
	must(t, tab.Press("g", "c"))
	must(t, tab.Wait("location.pathname === '/calls' && document.querySelector('[role=grid]')"))
	must(t, tab.Press("i"))
	must(t, tab.Wait(`/OPEN.*attend.*what=the door/s.test(document.querySelector('[aria-label="Calls in flight"] [aria-rowindex="2"]')?.innerText)`))
	must(t, tab.Press("j", keyEnter))
	must(t, tab.Wait(`/OPEN.*attend.*the door/s.test(document.querySelector('aside[aria-label=Call]')?.innerText)`))
	runAxe(t, tab, "calls in flight")
	must(t, tab.Run(chromedp.SendKeys(chromedp.CSS(`input[placeholder="name or value"]`), "window")))
	must(t, tab.WaitText("No call in flight has “window”"))
}

// A process that was killed together with its drainer is not running; what it left
// is named, and gone once it is recovered.
func TestKilledAndNotDrained(t *testing.T) {
	s := startSteady(t)
	tab := newTab(t, s.server.URL)
	must(t, tab.Open("/runs"))
	must(t, tab.WaitText("● running"))
	must(t, s.signal(syscall.SIGKILL))
	until(t, "the process is gone", func() error {
		if n := len(get[struct{ Processes []struct{ PID int } }](t, s.server.URL+"/api/v1/metrics").Processes); n != 0 {
			return fmt.Errorf("%d processes are running", n)
		}
		return nil
	})
	must(t, tab.Open("/runs"))
	must(t, tab.WaitText("◌ not stored to its end"))
	must(t, tab.WaitText("monitorgen recover"))
	if out, err := exec.Command(tool.path, "recover", s.database).CombinedOutput(); err != nil {
		t.Fatalf("monitorgen recover: %v\n%s", err, out)
	}
	must(t, tab.Open("/runs"))
	must(t, tab.WaitText("■ ended"))
	if text, err := tab.Text(); err != nil || strings.Contains(text, "not stored") {
		t.Errorf("after recover the page says %s (%v)", text, err)
	}
}
