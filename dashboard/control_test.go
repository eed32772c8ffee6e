package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/export"
)

// switchboard is a Controller that remembers.
type switchboard struct {
	price  Controlled
	broken error
}

func (s *switchboard) Controlled(context.Context) ([]Controlled, error) {
	return []Controlled{s.price}, nil
}

func (s *switchboard) Control(_ context.Context, changes []ControlChange) error {
	if s.broken != nil {
		return s.broken
	}
	for _, c := range changes {
		s.price.Mode, s.price.Sample, s.price.Set = c.Mode, c.Sample, true
	}
	return nil
}

func TestControl(t *testing.T) {
	board := &switchboard{price: Controlled{Process: "desk.Price", Group: "pricing", Mode: "full"}}
	f := newFixture(t, Options{Control: board})
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"functions":[{"process":"desk.Price","mode":"timing","sample":0.5}]}`, 200, `{"func":2,"process":"desk.Price","group":"pricing","mode":"timing","sample":0.5,"set":true,"running":0}`},
		{`{"functions":[{"process":"desk.Price","mode":"loud"}]}`, 400, `"parameter":"mode"`},
		{`{"functions":[{"process":"desk.Price","sample":2}]}`, 400, `"parameter":"sample"`},
		{`{"functions":[{"process":"desk.None","mode":"off"}]}`, 400, `"parameter":"process"`},
		{`{"function":[]}`, 400, `unknown field`},
		{`[`, 400, `the body`},
	} {
		status, _, text := f.do("PATCH", "/api/v1/control", c.body)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s, want %d with %s", c.body, status, text, c.status, c.want)
		}
	}
	board.broken = errors.New("nobody may write there")
	if status, _, text := f.do("PATCH", "/api/v1/control", `{"functions":[{"process":"desk.Price","mode":"off"}]}`); status != 409 || !strings.Contains(text, "nobody may write there") {
		t.Errorf("%d %s", status, text)
	}
	nothing := newFixture(t, Options{})
	if _, _, text := nothing.do("GET", "/api/v1/control", ""); !strings.Contains(text, `"available":false`) {
		t.Error(text)
	}
	if status, _, _ := nothing.do("PATCH", "/api/v1/control", `{"functions":[]}`); status != 409 {
		t.Errorf("nothing to control: %d", status)
	}
}

// TestSinks: the worst of the living sinks is the state.
func TestSinks(t *testing.T) {
	states := []SinkState{{PID: 1, State: "OK", Breaker: "CLOSED"}, {PID: 2, State: "CIRCUIT_OPEN", Breaker: "OPEN", Error: "disk full"}, {PID: 3, State: "DELAYED", Breaker: "CLOSED", Behind: 5}}
	f := newFixture(t, Options{Sinks: func() ([]SinkState, error) { return states, nil }})
	_, _, text := f.do("GET", "/api/v1/metrics", "")
	for _, want := range []string{`"state":"CIRCUIT_OPEN","rate"`, `"error":"disk full"`, `"behind_ns":5`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// A process that was killed has not ended for the database: its spool tells.
func TestLivingRuns(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	f := newFixture(t, Options{Spools: func(context.Context) ([]Spooled, error) {
		return []Spooled{{UUID: id(2), Alive: true, Waiting: map[string]int64{"normal": 300}}, {UUID: id(3), Waiting: map[string]int64{"normal": 12, "error": 7}}}, nil
	}})
	for n := 2; n <= 4; n++ { // 4 was killed too, and its spool is gone
		f.write(n, nil, false)
	}
	f.started(5, time.Now().UnixNano()) // its spool is elsewhere, and it was heard of
	_, _, text := f.do("GET", "/api/v1/runs", "")
	var answer struct {
		Rows []struct {
			Run               int
			Living, Undrained bool
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(answer.Rows), "[{5 true false} {4 false false} {3 false true} {2 true false} {1 false false}]"; got != want {
		t.Errorf("run, living, undrained: %s, want %s", got, want)
	}
	_, _, text = f.do("GET", "/api/v1/metrics", "")
	for _, want := range []string{`"lane":"normal","waiting_bytes":312,`, `"lane":"error","waiting_bytes":7,`, `"processes":[{"run":5,`, `{"run":2,`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, `{"run":3,`) || strings.Contains(text, `{"run":4,`) {
		t.Errorf("a dead process in %s", text)
	}
}

func TestOpenCallsArePushed(t *testing.T) {
	call := export.Call{Call: "1:7", Process: "desk.Price"}
	f := newFixture(t, Options{OpenCalls: func(context.Context, bool) ([]export.Call, error) { return []export.Call{call}, nil }})
	l := listenTo(t, f)
	l.send(`{"op":"sub","ch":"open"}`)
	if m := l.next("open"); len(m.Rows) != 1 || m.Rows[0].Call != "1:7" {
		t.Errorf("got %+v", m)
	}
}

func TestOpenCalls(t *testing.T) {
	call := export.Call{Call: "1:7", Process: "desk.Price", Func: 2}
	f := newFixture(t, Options{OpenCalls: func(context.Context, bool) ([]export.Call, error) { return []export.Call{call}, nil }})
	if status, _, text := f.do("GET", "/api/v1/open", ""); status != 200 || !strings.Contains(text, `{"available":true,"rows":[{"call":"1:7"`) {
		t.Errorf("%d %s", status, text)
	}
	// It is a call as any other, though nothing of it is stored.
	if status, _, text := f.do("GET", "/api/v1/calls/1:7", ""); status != 200 || !strings.Contains(text, `"open":true,"children":0,"function":{"id":2`) {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text := f.do("GET", "/api/v1/calls/1:8", ""); status != 404 {
		t.Errorf("%d %s", status, text)
	}
	if _, _, text := newFixture(t, Options{}).do("GET", "/api/v1/open", ""); !strings.Contains(text, `"available":false`) {
		t.Error(text)
	}
}
