package sink

import (
	"os"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/sink/status"
)

// delayedAfter is how long a pass may take before the drainer says that it is behind.
const delayedAfter = 2 * time.Second

// health shows in the spool folder how a drainer does. Where that is not possible
// the drainer goes on without.
type health struct {
	folder string

	mu     sync.Mutex
	status status.Status
	file   *status.File // nil while nothing is shown
	hidden bool
}

func (h *health) init(folder string) {
	host, _ := os.Hostname()
	program, _ := os.Executable()
	now := time.Now()
	h.folder, h.hidden = folder, true
	h.status = status.Status{PID: os.Getpid(), Host: host, Program: program, Started: now, Breaker: status.Closed, Changed: now}
}

// show begins to show the status, as soon as there is a folder.
func (h *health) show() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hidden = false
}

// hide ends it.
func (h *health) hide() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file != nil {
		h.file.Close()
	}
	h.file, h.hidden = nil, true
}

// write shows what has changed. h.mu is held.
func (h *health) write() {
	if h.file != nil {
		h.file.Write(h.status)
	}
}

// pass is told that a pass begins, and what it returns, how it ended.
func (h *health) pass() (ended func(error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil && !h.hidden {
		h.file, _ = status.Create(h.folder, h.status)
	}
	began := time.Now()
	late := time.AfterFunc(delayedAfter, func() { h.behind(began) })
	return func(err error) {
		late.Stop()
		if err != nil {
			h.behind(began)
		} else {
			h.caughtUp()
		}
	}
}

func (h *health) behind(since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status.Behind.IsZero() {
		h.status.Behind = since
		h.write()
	}
}

func (h *health) caughtUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.status.Behind.IsZero() {
		h.status.Behind = time.Time{}
		h.write()
	}
}

func (h *health) breaker(sum Breaker, last error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Breaker, h.status.Changed = sum.State, time.Now()
	h.status.Opened, h.status.Failures = sum.Opened, sum.Failures
	if last != nil {
		h.status.Error = last.Error()
	}
	h.write()
}
