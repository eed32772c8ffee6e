package dashboard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// The ways of a call to clients: one follower reads what is stored, at most
// followBatch calls each time, and puts it into the ring; clients read the ring
// when they can. A client that is slow finds its place overwritten: it misses
// calls, and nobody waits for it.
const (
	followInterval = 25 * time.Millisecond
	followBatch    = 5_000
	ringSize       = 10_000
	idleAfter      = 30 * time.Second // the follower ends that long after the last client
	retryAfter     = time.Second
)

// hub has the calls that were stored lately.
type hub struct {
	server *Server
	boot   string // tells cursors of this hub from those of another
	ctx    context.Context
	stop   context.CancelFunc

	mu        sync.Mutex
	ring      []numbered
	next      int64 // number of the next call; calls that are only counted have numbers too
	listeners int
	idleSince time.Time
	following bool
	alerts    map[chan alertMessage]bool

	skipped int64
}

// numbered is a call with its number in the order of being stored.
type numbered struct {
	seq  int64
	call *query.Call
}

func newHub(s *Server) *hub {
	var b [4]byte
	rand.Read(b[:]) // never fails
	ctx, stop := context.WithCancel(context.Background())
	return &hub{server: s, boot: hex.EncodeToString(b[:]), ctx: ctx, stop: stop, alerts: map[chan alertMessage]bool{}}
}

func (h *hub) close() { h.stop() }

// cursor names a place in the order of being stored.
func (h *hub) cursor(seq int64) string { return fmt.Sprintf("l%s.%d", h.boot, seq) }

// place returns where a cursor is; ok is false for one of another hub.
func (h *hub) place(cursor string) (seq int64, ok bool) {
	text, ok := strings.CutPrefix(cursor, "l"+h.boot+".")
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseInt(text, 10, 64)
	return seq, err == nil && seq >= 0
}

// listen has the hub follow the database until the listener is done. It returns
// when calls that are stored from now on will be seen.
func (h *hub) listen(ctx context.Context) (done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.following {
		follower, err := h.server.repo.Follow(ctx)
		if err != nil {
			return nil, err
		}
		h.following = true
		go h.follow(follower)
	}
	h.listeners++
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.listeners--
		h.idleSince = time.Now()
	}), nil
}

// idle reports whether nobody has listened for a while; the follower then ends.
func (h *hub) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners > 0 || time.Since(h.idleSince) < idleAfter {
		return false
	}
	h.following = false
	return true
}

func (h *hub) follow(follower query.Follower) {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	defer func() { follower.Close() }()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		if h.idle() {
			return
		}
		if err := h.read(follower); err != nil && h.ctx.Err() == nil {
			// The database may be back in a moment: what was stored meanwhile is missed.
			follower.Close()
			if follower = h.reconnect(); follower == nil {
				return
			}
		}
	}
}

func (h *hub) reconnect() query.Follower {
	for {
		select {
		case <-h.ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
		if follower, err := h.server.repo.Follow(h.ctx); err == nil {
			return follower
		}
	}
}

// read puts what is new into the ring.
func (h *hub) read(follower query.Follower) error {
	changed, err := follower.Changed(h.ctx)
	if err != nil || !changed {
		return err
	}
	calls, more, err := follower.Skim(h.ctx, followBatch)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next += more
	for _, c := range calls {
		h.ring = append(h.ring, numbered{h.next, c})
		h.next++
	}
	if excess := len(h.ring) - ringSize; excess > 0 {
		h.ring = append(h.ring[:0:0], h.ring[excess:]...)
	}
	return nil
}

// since returns the calls from a number on that are still in the ring, how many
// are not, and the number to go on from.
func (h *hub) since(seq int64) (calls []*query.Call, missed, next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.ring) - 1; i >= 0 && h.ring[i].seq >= seq; i-- {
		calls = append(calls, h.ring[i].call)
	}
	for i, j := 0, len(calls)-1; i < j; i, j = i+1, j-1 {
		calls[i], calls[j] = calls[j], calls[i]
	}
	return calls, max(h.next-seq-int64(len(calls)), 0), h.next
}

func (h *hub) now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

// miss counts what clients did not get.
func (h *hub) miss(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skipped += n
}

func (h *hub) clients() clientsRow {
	h.mu.Lock()
	defer h.mu.Unlock()
	return clientsRow{int64(h.listeners), h.skipped}
}

// alertMessage says that the state of a rule changed.
type alertMessage struct {
	Type      string `json:"t"`
	Rule      string `json:"rule"`
	State     string `json:"state"`
	Value     string `json:"value"`
	Threshold string `json:"threshold"`
	At        moment `json:"at_ns"`
	Call      string `json:"call,omitempty"`
}

// pendingAlerts is how many changes a client may be behind.
const pendingAlerts = 100

func (h *hub) alertChannel() (alerts chan alertMessage, done func()) {
	alerts = make(chan alertMessage, pendingAlerts)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alerts[alerts] = true
	return alerts, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.alerts, alerts)
	}
}

// publish tells every client that listens to alerts, but for those that are behind.
func (h *hub) publish(m alertMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.Type = "alert"
	for alerts := range h.alerts {
		select {
		case alerts <- m:
		default:
		}
	}
}
