package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// problem is an error as a client sees it: a document of RFC 9457.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	Position  *int   `json:"position,omitempty"` // in the parameter's text, in bytes
}

func (p *problem) Error() string { return p.Detail }

// refuse makes a problem.
func refuse(status int, format string, args ...any) *problem {
	return &problem{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// badParameter says what is wrong with a parameter.
func badParameter(name, format string, args ...any) *problem {
	p := refuse(http.StatusBadRequest, format, args...)
	p.Parameter = name
	return p
}

// badQuery says where a query is wrong.
func badQuery(parameter string, err error) *problem {
	p := badParameter(parameter, "%v", err)
	var e *filter.Error
	if errors.As(err, &e) {
		p.Detail, p.Position = e.Message, &e.Position
	}
	return p
}

// problemOf finds out what an error means to a client.
func problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, query.ErrNoCall), errors.Is(err, query.ErrNoFunction):
		return refuse(http.StatusNotFound, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusGatewayTimeout, "it took too long; narrow the time or the filter")
	}
	return refuse(http.StatusServiceUnavailable, "%v", err)
}

func writeProblem(w http.ResponseWriter, err error) {
	p := *problemOf(err)
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error is a client that is gone
}
