package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// Event is a change of a rule's state.
type Event struct {
	ID        int64  `json:"id"`
	Rule      string `json:"rule"`
	State     string `json:"state"` // OK or Firing
	Value     string `json:"value"`
	Threshold string `json:"threshold"`
	At        int64  `json:"at_ns,string"` // nanoseconds since 1970
	Call      string `json:"call,omitempty"`
	Webhook   string `json:"webhook"` // sending, sent, failed or none
	Detail    string `json:"detail"`
}

// history is events in a file, one a line in JSON. An event whose webhook was
// sent has a second line, which counts.
type history struct {
	path string

	mu     sync.Mutex
	events []Event // oldest first
	last   int64
}

// maxEvents is how many events are kept: the file is written anew when it has
// twice as many lines.
const maxEvents = 1000

func openHistory(path string) (*history, error) {
	h := &history{path: path}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the history of alerts: %w", err)
	}
	lines := 0
	for line := range bytes.Lines(data) {
		var e Event
		if json.Unmarshal(line, &e) != nil {
			continue // cut off by a crash
		}
		lines++
		h.take(e)
	}
	if lines > 2*maxEvents {
		var text []byte
		for _, e := range h.events {
			text = append(text, line(e)...)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, fmt.Errorf("write the history of alerts: %w", err)
		}
	}
	return h, nil
}

func line(e Event) []byte {
	data, _ := json.Marshal(e) // numbers and text
	return append(data, '\n')
}

// take adds an event, or replaces the one of its number.
func (h *history) take(e Event) {
	h.last = max(h.last, e.ID)
	for i := len(h.events) - 1; i >= 0; i-- {
		if h.events[i].ID == e.ID {
			h.events[i] = e
			return
		}
	}
	h.events = append(h.events, e)
	if excess := len(h.events) - maxEvents; excess > 0 {
		h.events = slices.Delete(h.events, 0, excess)
	}
}

func (h *history) add(e Event) (id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.ID = h.last + 1
	h.take(e)
	h.write(e)
	return e.ID
}

// sent notes what became of an event's webhook.
func (h *history) sent(id int64, detail string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.ID != id {
			continue
		}
		e.Webhook, e.Detail = "sent", detail
		if err != nil {
			e.Webhook, e.Detail = "failed", err.Error()
		}
		h.take(e)
		h.write(e)
		return
	}
}

// write appends a line. A history that cannot be written is still in memory, and
// alerts go on.
func (h *history) write(e Event) {
	f, err := os.OpenFile(h.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(line(e))
}

func (h *history) page(before int64, limit int) []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	page := []Event{}
	for _, e := range slices.Backward(h.events) {
		if (before == 0 || e.ID < before) && len(page) < limit {
			page = append(page, e)
		}
	}
	return page
}
