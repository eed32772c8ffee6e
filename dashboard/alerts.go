package dashboard

import (
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/dashboard/alert"
)

// ruleRow is a rule and how it is.
type ruleRow struct {
	alert.Rule
	State   string  `json:"state"`
	Current string  `json:"current"`
	Since   moment  `json:"since_ns"`
	Checked moment  `json:"checked_ns"`
	Error   *string `json:"error"`
	Call    string  `json:"call,omitempty"`
}

// eventRow is a change of a rule's state.
type eventRow struct {
	ID        int64  `json:"id"`
	Rule      string `json:"rule"`
	State     string `json:"state"`
	Value     string `json:"value"`
	Threshold string `json:"threshold"`
	At        moment `json:"at_ns"`
	Call      string `json:"call"`
	Webhook   string `json:"webhook"`
	Detail    string `json:"detail"`
}

func eventRows(events []alert.Event) []eventRow {
	rows := []eventRow{}
	for _, e := range events {
		rows = append(rows, eventRow{e.ID, e.Rule, e.State, e.Value, e.Threshold, moment(e.At), e.Call, e.Webhook, e.Detail})
	}
	return rows
}

// watch returns what watches the rules.
func (s *Server) watch() (*alert.Watch, error) {
	if s.alertError != nil {
		return nil, refuse(http.StatusConflict, "%v", s.alertError)
	}
	if s.alerts == nil {
		return nil, refuse(http.StatusConflict, "this server watches no rules")
	}
	return s.alerts, nil
}

// watchRules begins to watch the rules of the options' file. Rules that are wrong
// are said to who asks for them.
func (s *Server) watchRules() {
	if s.options.AlertFile == "" {
		return
	}
	watch, err := alert.Open(s.repo, s.options.AlertFile, s.options.URL, s.alertChanged)
	if watch == nil {
		s.alertError = err
		return
	}
	s.alerts = watch
	go watch.Run(s.live.ctx)
}

// recentEvents is how much of the history comes with the rules.
const recentEvents = 50

func (s *Server) getAlerts(r *http.Request) (any, error) {
	w, err := s.watch()
	if err != nil {
		return nil, err
	}
	statuses, problem := w.Statuses()
	rows := []ruleRow{}
	for _, st := range statuses {
		row := ruleRow{Rule: st.Rule, State: st.State, Current: st.Current, Since: moment(st.Since), Checked: moment(st.Checked), Call: st.Call}
		if st.Error != "" {
			row.Error = &st.Error
		}
		rows = append(rows, row)
	}
	a := map[string]any{"file": filepath.Base(w.Path()), "rules": rows, "history": eventRows(w.History(0, recentEvents)), "problem": nil}
	if problem != nil {
		a["problem"] = problem.Error()
	}
	return a, nil
}

func (s *Server) getAlertHistory(r *http.Request) (any, error) {
	w, err := s.watch()
	if err != nil {
		return nil, err
	}
	p := parametersOf(r)
	limit, before := p.limit(100, 1000), p.integer("cursor", 0, 1, 1<<62)
	if p.err != nil {
		return nil, p.err
	}
	events := w.History(before, limit)
	a := map[string]any{"rows": eventRows(events), "next": nil}
	if len(events) == limit {
		a["next"] = strconv.FormatInt(events[limit-1].ID, 10)
	}
	return a, nil
}

// alertProblem says what is wrong with a rule.
func alertProblem(err error) error {
	var p *alert.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return badParameter(p.Field, "%s: %s", p.Field, p.Text)
	case errors.Is(err, alert.ErrNoRule):
		return refuse(http.StatusNotFound, "%v", err)
	}
	return refuse(http.StatusConflict, "%v", err)
}

func (s *Server) postRule(w http.ResponseWriter, r *http.Request) {
	s.putRuleAs(w, r, "", http.StatusCreated)
}

func (s *Server) putRule(w http.ResponseWriter, r *http.Request) {
	s.putRuleAs(w, r, r.PathValue("name"), http.StatusOK)
}

func (s *Server) putRuleAs(w http.ResponseWriter, r *http.Request, name string, status int) {
	watch, err := s.watch()
	var rule alert.Rule
	if err == nil {
		err = readJSON(r, &rule)
	}
	if err == nil {
		err = alertProblem(watch.Put(name, rule))
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	writeJSON(w, status, rule)
}

func (s *Server) deleteRule(w http.ResponseWriter, r *http.Request) {
	watch, err := s.watch()
	if err == nil {
		err = alertProblem(watch.Delete(r.PathValue("name")))
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) testRule(r *http.Request) (any, error) {
	watch, err := s.watch()
	if err != nil {
		return nil, err
	}
	detail, err := watch.Test(r.Context(), r.PathValue("name"))
	if errors.Is(err, alert.ErrNoRule) || errors.As(err, new(*alert.Problem)) {
		return nil, alertProblem(err)
	}
	a := map[string]any{"sent": err == nil, "status": nil, "detail": ""}
	code, _, _ := strings.Cut(detail, " ")
	if n, e := strconv.Atoi(code); e == nil {
		a["status"] = n
	}
	if err != nil {
		a["detail"] = err.Error()
	}
	return a, nil
}

// alertChanged tells live clients of a change.
func (s *Server) alertChanged(e alert.Event) {
	s.live.publish(alertMessage{Rule: e.Rule, State: e.State, Value: e.Value, Threshold: e.Threshold, At: moment(e.At), Call: e.Call})
}
