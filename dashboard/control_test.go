package dashboard

import (
	"context"
	"errors"
	"strings"
	"testing"

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
		{`{"functions":[{"process":"desk.Price","mode":"timing","sample":0.5}]}`, 200, `{"func":2,"process":"desk.Price","group":"pricing","mode":"timing","sample":0.5,"set":true}`},
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

func TestOpenCallsArePushed(t *testing.T) {
	call := export.Call{Call: "1:7", Process: "desk.Price"}
	f := newFixture(t, Options{OpenCalls: func(context.Context) ([]export.Call, error) { return []export.Call{call}, nil }})
	l := listenTo(t, f)
	l.send(`{"op":"sub","ch":"open"}`)
	if m := l.next("open"); len(m.Rows) != 1 || m.Rows[0].Call != "1:7" {
		t.Errorf("got %+v", m)
	}
}
