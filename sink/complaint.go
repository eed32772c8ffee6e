package sink

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// complaintPause is how long the same complaint is not repeated.
const complaintPause = time.Minute

// complaints says what goes wrong: to the logger, or where there is none, to
// standard error, a line each. A drainer tries again ten times a second; nobody
// wants to read that.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time
}

func newComplaints(log *slog.Logger) *complaints {
	return &complaints{log: log, last: map[string]time.Time{}}
}

func (c *complaints) about(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if !c.due(text, time.Now()) {
		return
	}
	if c.log != nil {
		c.log.Error(text)
		return
	}
	fmt.Fprintf(os.Stderr, "monitorgen: %s\n", text)
}

func (c *complaints) due(text string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, at := range c.last {
		if now.Sub(at) >= complaintPause {
			delete(c.last, t)
		}
	}
	if _, recent := c.last[text]; recent {
		return false
	}
	c.last[text] = now
	return true
}
