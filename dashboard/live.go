package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// What a live client gets at most.
const (
	flushInterval = 100 * time.Millisecond
	flushRows     = 500
	metricsEvery  = time.Second
	writeTimeout  = 15 * time.Second
	maxMessage    = 64 << 10 // bytes of a message from a client
)

// client is one WebSocket connection. Its reader takes what the client asks for;
// its writer sends what there is, ten times a second.
type client struct {
	server *Server
	conn   *websocket.Conn

	mu      sync.Mutex
	calls   *subscription // nil: none
	metrics bool
	alerts  bool
	open    bool
	replies []any // answers to what the client sent
}

// subscription is what calls a client wants, and how far it has come.
type subscription struct {
	filter query.Filter
	paused bool
	seq    int64
	lost   string // a cursor that cannot be gone on from
}

// request is what a client sends.
type request struct {
	Op     string `json:"op"`
	Ch     string `json:"ch"`
	Q      string `json:"q"`
	Run    string `json:"run"`
	Cursor string `json:"cursor"`
}

type errorMessage struct {
	Type     string `json:"t"`
	Detail   string `json:"detail"`
	Position *int   `json:"position,omitempty"`
}

type callsMessage struct {
	Type    string    `json:"t"`
	Rows    []callRow `json:"rows"`
	Cursor  string    `json:"cursor"`
	Skipped int64     `json:"skipped"`
}

type openMessage struct {
	Type string    `json:"t"`
	Rows []callRow `json:"rows"`
}

type gapMessage struct {
	Type  string `json:"t"`
	From  string `json:"from"`
	To    string `json:"to"`
	Count *int64 `json:"count"`
}

func (s *Server) getLive(w http.ResponseWriter, r *http.Request) {
	done, err := s.live.listen(r.Context())
	if err != nil {
		writeProblem(w, err)
		return
	}
	defer done()
	// The guard has looked at the origin already, more closely.
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)
	c := &client{server: s, conn: conn}
	c.reply(map[string]any{"t": "hello", "cursor": s.live.cursor(s.live.now()), "version": s.options.Version})
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		defer cancel()
		c.read(ctx)
	}()
	c.write(ctx)
}

func (c *client) reply(m any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies = append(c.replies, m)
}

func (c *client) read(ctx context.Context) {
	for {
		_, data, err := c.conn.Read(ctx)
		if err != nil {
			return
		}
		var q request
		if err := json.Unmarshal(data, &q); err != nil {
			c.reply(errorMessage{Type: "error", Detail: "want a JSON object with op: " + err.Error()})
			continue
		}
		if problem := c.take(q); problem != nil {
			c.reply(errorMessage{Type: "error", Detail: problem.Detail, Position: problem.Position})
		}
	}
}

// take does what the client asks for.
func (c *client) take(q request) *problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch q.Op {
	case "sub", "unsub":
		on := q.Op == "sub"
		switch q.Ch {
		case "calls":
			c.calls = nil
			if on {
				return c.subscribe(q)
			}
		case "metrics":
			c.metrics = on
		case "alerts":
			c.alerts = on
		case "open":
			c.open = on
		default:
			return refuse(http.StatusBadRequest, "no channel %q: there are calls, metrics, alerts and open", q.Ch)
		}
	case "pause", "resume":
		if c.calls != nil {
			c.calls.paused = q.Op == "pause"
		}
	default:
		return refuse(http.StatusBadRequest, "no op %q: there are sub, unsub, pause and resume", q.Op)
	}
	return nil
}

func (c *client) subscribe(q request) *problem {
	sub := &subscription{seq: c.server.live.now()}
	var err error
	if sub.filter.Query, err = filter.Parse(q.Q); err != nil {
		return badQuery("q", err)
	}
	if q.Run != "" {
		run, err := filter.Parse("run:" + q.Run)
		if err != nil || len(run.Terms) != 1 {
			return badParameter("run", "run: want the numbers of runs, or last, not %q", q.Run)
		}
		sub.filter.Query.Terms = append(sub.filter.Query.Terms, run.Terms[0])
	}
	if q.Cursor != "" {
		if seq, ok := c.server.live.place(q.Cursor); ok && seq <= sub.seq {
			sub.seq = seq
		} else {
			sub.lost = q.Cursor
		}
	}
	c.calls = sub
	return nil
}

func (c *client) write(ctx context.Context) {
	alerts, done := c.server.live.alertChannel()
	defer done()
	flush := time.NewTicker(flushInterval)
	defer flush.Stop()
	var metricsAt, openAt time.Time
	for {
		select {
		case <-ctx.Done():
			c.conn.Close(websocket.StatusNormalClosure, "")
			return
		case <-c.server.live.ctx.Done():
			c.conn.Close(websocket.StatusGoingAway, "the server ends")
			return
		case <-flush.C:
		}
		messages, metrics, open := c.pending(ctx)
		messages = append(messages, c.drainAlerts(alerts)...)
		if metrics && time.Since(metricsAt) >= metricsEvery {
			metricsAt = time.Now()
			if m, err := c.server.metrics(ctx); err == nil {
				messages = append(messages, struct {
					Type string `json:"t"`
					*metricsAnswer
				}{"metrics", m})
			}
		}
		if ask := c.server.options.OpenCalls; open && ask != nil && time.Since(openAt) >= metricsEvery {
			openAt = time.Now()
			if calls, err := ask(ctx, false); err == nil {
				messages = append(messages, openMessage{"open", calls})
			}
		}
		for _, m := range messages {
			if err := c.send(ctx, m); err != nil {
				return
			}
		}
	}
}

func (c *client) send(ctx context.Context, m any) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, data)
}

// pending returns what there is to be sent.
func (c *client) pending(ctx context.Context) (messages []any, metrics, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	messages, c.replies = c.replies, nil
	if c.calls != nil && !c.calls.paused {
		messages = append(messages, c.stored(ctx, c.calls)...)
	}
	return messages, c.metrics, c.open
}

// stored returns what was stored since a subscription's place, and moves that on.
func (c *client) stored(ctx context.Context, sub *subscription) (messages []any) {
	hub := c.server.live
	if sub.lost != "" {
		messages = append(messages, gapMessage{"gap", sub.lost, hub.cursor(sub.seq), nil})
		sub.lost = ""
	}
	calls, missed, next := hub.since(sub.seq)
	if next == sub.seq {
		return messages
	}
	from := sub.seq
	sub.seq = next
	taken, err := c.server.repo.Taken(ctx, sub.filter, calls)
	if err != nil {
		missed += int64(len(calls))
		taken = nil
	}
	if missed > 0 {
		messages = append(messages, gapMessage{"gap", hub.cursor(from), hub.cursor(next), &missed})
	}
	skipped := int64(max(len(taken)-flushRows, 0))
	hub.miss(missed + skipped)
	if len(taken) == 0 {
		return messages
	}
	return append(messages, callsMessage{"calls", callRows(taken[skipped:], false), hub.cursor(next), skipped})
}

func (c *client) drainAlerts(alerts chan alertMessage) (messages []any) {
	c.mu.Lock()
	wanted := c.alerts
	c.mu.Unlock()
	for {
		select {
		case m := <-alerts:
			if wanted {
				messages = append(messages, m)
			}
		default:
			return messages
		}
	}
}

// getTail sends calls as they are stored, one a line.
func (s *Server) getTail(w http.ResponseWriter, r *http.Request) {
	p := parametersOf(r)
	f := p.filter()
	if p.err != nil {
		writeProblem(w, p.err)
		return
	}
	done, err := s.live.listen(r.Context())
	if err != nil {
		writeProblem(w, err)
		return
	}
	defer done()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	seq := s.live.now()
	out.Flush()
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.live.ctx.Done():
			return
		case <-tick.C:
		}
		calls, missed, next := s.live.since(seq)
		if next == seq {
			continue
		}
		seq = next
		s.live.miss(missed)
		calls, err := s.repo.Taken(r.Context(), f, calls)
		if err != nil {
			return
		}
		for row := range slices.Values(callRows(calls, false)) {
			if lines.Encode(row) != nil {
				return
			}
		}
		out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if out.Flush() != nil {
			return
		}
	}
}
