//go:build unix

package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	_ "github.com/monitorgen/monitorgen/sink/postgres"
	pg "github.com/monitorgen/monitorgen/sink/postgres/query"
	"github.com/monitorgen/monitorgen/sink/remote"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// password is looked for in everything that is said.
const password = "canary/word"

// serve starts a server, and skips the test where there is none.
func serve(t testing.TB) *pgserver.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "monitorgen-pg-") // t.TempDir is for us alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := pgserver.New(context.Background(), dir, password)
	if errors.Is(err, pgserver.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return server
}

// pair is a SQLite database and a PostgreSQL with the same calls in them.
type pair struct {
	t      *testing.T
	stores []sink.Store
	sqlite *query.DB
	server *remote.DB
}

func newPair(t *testing.T) *pair {
	t.Helper()
	server := serve(t)
	path := filepath.Join(t.TempDir(), "monitor.db")
	file, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := sink.OpenStore(server.URL() + "?retention=off")
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, stores: []sink.Store{file, postgres}}
	p.record()
	settle(t, server)
	if p.sqlite, err = query.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	address, err := sink.ParseAddress(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if p.server, err = pg.Open(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); postgres.Close(); p.sqlite.Close(); p.server.Close() })
	return p
}

// settle has the server look at what is in its tables, as it does by itself in the
// long run: without that it finds bad plans.
func settle(t *testing.T, server *pgserver.Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// run makes a run known to both; it has the same number in both.
func (p *pair) run(n int, session string) sink.RunID {
	p.t.Helper()
	var ids []sink.RunID
	for _, s := range p.stores {
		id, _, err := s.Run(p.t.Context(), &spool.Info{ID: fmt.Sprintf("%032x", n), Start: begin, PID: 40 + n, Host: "host", Program: "/bin/desk",
			Args: []string{"-n", fmt.Sprint(n)}, Go: "go1.26", OS: "linux/amd64", Module: "example.com/desk", Session: session})
		if err != nil {
			p.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[1] {
		p.t.Fatalf("run %d has the numbers %v", n, ids)
	}
	return ids[0]
}

func (p *pair) write(b sink.Batch) {
	p.t.Helper()
	for _, s := range p.stores {
		own := b
		own.Calls = append([]spool.Call{}, b.Calls...)
		if err := s.Write(p.t.Context(), &own); err != nil {
			p.t.Fatal(err)
		}
	}
}

// begin is a whole minute. Nothing depends on the clock.
const begin = int64(1_764_079_980_000_000_000)

var (
	handle = &spool.Function{Name: "Handle", Package: "example.com/desk/web", Process: "web.Handle", Group: "desk.web", File: "web.go", Line: 3,
		Signature: "func Handle(path string) (err error)", Digest: [32]byte{1}, Source: "func Handle() {}",
		Data: []manifest.Datum{{Name: "path", Type: "string"}, {Name: "err", Type: "error", Output: true}}}
	submit = &spool.Function{Name: "(*Desk).Submit", Package: "example.com/desk", Process: "desk.(*Desk).Submit", Group: "desk.orders", File: "desk.go", Line: 7,
		Signature: "func (d *Desk) Submit(o Order, n int) (id any, err error)", Options: "group=desk.orders", Digest: [32]byte{2}, Source: "func Submit() {}",
		Data: []manifest.Datum{{Name: "o", Type: "Order"}, {Name: "n", Type: "int"}, {Name: "id", Type: "any", Output: true}, {Name: "err", Type: "error", Output: true}}}
	price = &spool.Function{Name: "Price", Package: "example.com/desk/pricing", Process: "pricing.Price", Group: "desk.pricing", File: "pricing.go", Line: 9,
		Digest: [32]byte{5}, Data: []manifest.Datum{{Name: "n", Type: "float64"}, {Name: "sym", Type: "string"}, {Name: "ok", Type: "bool"}, {Name: "px", Type: "float64", Output: true}}}
	price2 = &spool.Function{Name: "Price", Package: "example.com/desk/pricing", Process: "pricing.Price", Group: "desk.pricing", File: "pricing.go", Line: 12,
		Digest: [32]byte{3}, Data: price.Data}
	quiet = &spool.Function{Name: "Quiet", Package: "example.com/desk", Process: "desk.Quiet", Group: "desk.orders", Digest: [32]byte{4}}
)

// symbols are texts that are awkward in patterns, in JSON and in SQL.
var symbols = []string{"ACME", "acme corp", "50%", "a_b", `back\slash`, "it's", `say "x"`, "é<b>", "what?", "nil", "true", "7"}

// maker makes calls. Ids of a run grow with the start.
type maker struct {
	random *rand.Rand
	next   uint64
	now    int64
	calls  []spool.Call
}

func (m *maker) call(f *spool.Function, parent *spool.Call, data string) *spool.Call {
	m.next++
	m.now += 1 + m.random.Int64N(40_000_000)
	c := spool.Call{Function: f, ID: m.next, Trace: m.next, Start: m.now, Goroutine: 1 + m.random.Uint64N(4), Data: data}
	switch m.random.IntN(4) {
	case 0:
		c.Duration = m.random.Int64N(100)
	case 1:
		c.Duration = m.random.Int64N(20_000_000_000)
	default:
		c.Duration = 1000 * (1 + m.random.Int64N(5)) // many are equal
	}
	if parent != nil {
		c.Parent, c.Trace, c.Depth = parent.ID, parent.Trace, parent.Depth+1
	}
	m.fail(&c)
	m.calls = append(m.calls, c)
	return &m.calls[len(m.calls)-1]
}

// fail has some calls fail, in each of the ways.
func (m *maker) fail(c *spool.Call) {
	switch m.random.IntN(16) {
	case 0, 1:
		c.Flags |= wire.FlagError
		c.Exception = fmt.Sprintf("limit breach: %s is beyond %d", symbols[m.random.IntN(len(symbols))], m.random.IntN(3))
		c.Stack = &spool.Stack{Text: "desk.f(...)\n\tf.go:1", Digest: [32]byte{9}}
	case 2:
		c.Flags |= wire.FlagPanic
		c.Exception = "panic: out of range\n\ngoroutine 1"
	case 3:
		c.Exception = spool.LeftByGoexit
	case 4:
		c.Flags |= wire.FlagError | wire.FlagSampled
		c.Exception, c.Duration = "no clock", 0
	}
}

// trace makes the calls of one request.
func (m *maker) trace() {
	text := func() string { return quoted(symbols[m.random.IntN(len(symbols))]) }
	root := *m.call(handle, nil, `[`+text()+`,null]`)
	if m.random.IntN(10) == 0 {
		m.calls = m.calls[:len(m.calls)-1] // it has not ended: others name it
	}
	for range m.random.IntN(3) {
		dynamic := []string{`{"$type":"int","$value":7}`, `{"$type":"string","$value":` + text() + `}`, "null", "12"}[m.random.IntN(4)]
		order := fmt.Sprintf(`{"ID":%d,"Symbol":%s,"Tags":["x",%s],"Deep":{"$type":"T","$value":{"N":%d}}}`, m.random.IntN(30), text(), text(), m.random.IntN(5))
		parent := *m.call(submit, &root, fmt.Sprintf(`[%s,%d,%s,null]`, order, m.random.IntN(200)-50, dynamic))
		for range m.random.IntN(4) {
			m.call([]*spool.Function{price, price2}[m.random.IntN(2)], &parent,
				fmt.Sprintf(`[%g,%s,%t,%d.5]`, float64(m.random.IntN(400))/4, text(), m.random.IntN(2) == 0, m.random.IntN(100)))
		}
		if m.random.IntN(3) == 0 {
			m.call(quiet, &parent, "")
		}
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // it is text
	return string(b)
}

// record writes three runs, two of one session, in batches.
func (p *pair) record() {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 3; n++ {
		run := p.run(n, []string{"", "first", "first", ""}[n])
		m := &maker{random: random, now: begin + int64(n)*3_600_000_000_000}
		for range 120 {
			m.trace()
		}
		half := len(m.calls) / 2
		p.write(sink.Batch{Run: run, Calls: m.calls[:half], Drops: []spool.Drops{{Function: price, Count: 4, Time: m.now}},
			Figures: []spool.Figures{{Time: begin, CPU: 1_000_000, RSS: 10, Heap: 20, HeapGoal: -1, Goroutines: 7, GCCycles: 1, GCPause: 1, GCPauseMax: 1},
				{Time: begin + 1_000_000_000, CPU: 251_000_000, RSS: 11, Heap: 21, HeapGoal: -1, Goroutines: 8, GCCycles: 1, GCPause: 1, GCPauseMax: 1}},
			Lanes: []spool.Lane{{Lane: wire.LaneNormal, Enqueued: 5, Bytes: 100, Warnings: 1, Dropped: 4}}})
		p.write(sink.Batch{Run: run, Calls: m.calls[half-10:], Drops: []spool.Drops{{Function: price, Count: 2, Time: m.now}}, Bytes: 100}) // ten come again
		if n < 3 {
			open := &spool.OpenCalls{Seen: m.now, By: spool.SignRecord}
			open.Calls = append(open.Calls, spool.Call{Function: handle, ID: m.next + 1, Trace: m.next + 1, Start: m.now, Goroutine: 3, Data: `["open"]`})
			p.write(sink.Batch{Run: run, Ended: true, Open: open})
		}
	}
}
