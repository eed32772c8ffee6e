package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// message is any message of the server.
type message struct {
	T, Cursor, From, To, Detail, Rule, State string
	Rows                                     []struct{ Call string }
	Skipped                                  int64
	Count                                    *int64
}

// listener is a client of /live.
type listener struct {
	t    *testing.T
	conn *websocket.Conn
}

func listenTo(t *testing.T, f *fixture) *listener {
	t.Helper()
	server := httptest.NewServer(f.server)
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { conn.CloseNow(); f.server.Close(); server.Close() })
	return &listener{t, conn}
}

func (l *listener) send(text string) {
	l.t.Helper()
	if err := l.conn.Write(l.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		l.t.Fatal(err)
	}
}

// next returns the next message of a kind, and leaves others out.
func (l *listener) next(kind string) message {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	for {
		_, data, err := l.conn.Read(ctx)
		if err != nil {
			l.t.Fatalf("waiting for %q: %v", kind, err)
		}
		var m message
		if err := json.Unmarshal(data, &m); err != nil {
			l.t.Fatalf("%s: %v", data, err)
		}
		if m.T == kind {
			return m
		}
	}
}

// subscribed waits until the server has taken what was sent before: it answers in order.
func (l *listener) subscribed() {
	l.t.Helper()
	l.send(`{"op":"?"}`)
	l.next("error")
}

func TestLive(t *testing.T) {
	f := newFixture(t, Options{})
	l := listenTo(t, f)
	hello := l.next("hello")
	l.send(`{"op":"sub","ch":"calls","q":"status:err fn:Price"}`)
	l.subscribed()
	f.write(2, deskCalls(begin), true)
	m := l.next("calls")
	if len(m.Rows) != 1 || m.Rows[0].Call != "2:4" || m.Skipped != 0 {
		t.Fatalf("got %+v, want the one call that the query takes", m)
	}
	// From the first cursor on all come again, whatever was taken before.
	l.send(fmt.Sprintf(`{"op":"sub","ch":"calls","cursor":%q}`, hello.Cursor))
	if m := l.next("calls"); len(m.Rows) != 4 {
		t.Fatalf("from %s on: %+v", hello.Cursor, m)
	}
	l.send(`{"op":"sub","ch":"calls","cursor":"lelse.5"}`)
	if m := l.next("gap"); m.From != "lelse.5" || m.Count != nil {
		t.Fatalf("a cursor of another server: %+v", m)
	}
	l.send(`{"op":"sub","ch":"calls","q":"dur:x"}`)
	if m := l.next("error"); m.Detail == "" {
		t.Error("a wrong query is not said to be one")
	}
	l.send(`{"op":"sub","ch":"metrics"}`)
	l.next("metrics")
}

// TestLaggard: what a client does not take is counted, and nobody waits for it.
func TestLaggard(t *testing.T) {
	f := newFixture(t, Options{})
	l := listenTo(t, f)
	l.send(`{"op":"sub","ch":"calls"}`)
	l.send(`{"op":"pause"}`)
	l.subscribed()
	const stored = ringSize + followBatch
	batch := make([]spool.Call, stored)
	for i := range batch {
		batch[i] = spool.Call{Function: price, ID: uint64(i) + 1, Trace: uint64(i) + 1, Goroutine: 1, Start: begin + int64(i), Duration: 1, Data: "[1,2,3]"}
	}
	f.write(2, batch, true)
	for f.server.live.now() < stored {
		time.Sleep(time.Millisecond)
	}
	l.send(`{"op":"resume"}`)
	gap := l.next("gap")
	if *gap.Count == 0 {
		t.Errorf("gap %+v", gap)
	}
	m := l.next("calls")
	if len(m.Rows) != flushRows || m.Rows[flushRows-1].Call != fmt.Sprintf("2:%d", stored) {
		t.Errorf("%d rows up to %v", len(m.Rows), m.Rows[len(m.Rows)-1])
	}
	if total := *gap.Count + m.Skipped + int64(len(m.Rows)); total != stored {
		t.Errorf("%d missed, %d skipped and %d shown are %d of %d", *gap.Count, m.Skipped, len(m.Rows), total, stored)
	}
}
