package dashboard

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"
)

type runRow struct {
	Run       int64    `json:"run"`
	UUID      string   `json:"uuid"`
	Session   string   `json:"session"`
	Program   string   `json:"program"`
	Args      []string `json:"args"`
	PID       int64    `json:"pid"`
	Host      string   `json:"host"`
	GoVersion string   `json:"go_version"`
	OS        string   `json:"os"`
	Module    string   `json:"module"`
	Started   moment   `json:"started_ns"`
	Last      moment   `json:"last_ns"`
	Ended     moment   `json:"ended_ns"`
	Living    bool     `json:"living"`
	Undrained bool     `json:"undrained"`
	Calls     int64    `json:"calls"`
	Errors    int64    `json:"errors"`
	Dropped   int64    `json:"dropped"`
	Open      int64    `json:"open"`
}

func (s *Server) getRuns(r *http.Request) (any, error) {
	p := parametersOf(r)
	limit := p.limit(100, 10_000)
	if p.err != nil {
		return nil, p.err
	}
	runs, err := s.runs(r.Context(), s.spooled(r.Context()))
	if err != nil {
		return nil, err
	}
	rows := []runRow{}
	for _, run := range runs[:min(limit, len(runs))] {
		row := runRow{Run: run.ID, UUID: run.UUID, Session: run.Session, Program: run.Program, Args: run.Args, PID: run.PID, Host: run.Host,
			GoVersion: run.GoVersion, OS: run.OS, Module: run.Module, Started: moment(run.Started), Last: moment(run.Last), Living: run.Living, Undrained: run.Undrained,
			Calls: run.Calls, Errors: run.Errors, Dropped: run.Dropped, Open: run.Open}
		if run.Ended {
			row.Ended = row.Last
		}
		rows = append(rows, row)
	}
	return map[string]any{"rows": rows, "total": len(runs)}, nil
}

func (s *Server) getHealth(r *http.Request) (any, error) {
	ctx := r.Context()
	calls, err := s.repo.Count(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := s.repo.Runs(ctx)
	if err != nil {
		return nil, err
	}
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]any{"status": "ok", "version": s.options.Version, "database": filepath.Base(s.repo.Path()), "bytes": size(s.repo.Path()),
		"calls": calls, "runs": len(runs), "functions": catalog.Len(), "now_ns": moment(time.Now().UnixNano()),
		"control": s.options.Control != nil, "alerts": s.alerts != nil, "rollups": true}, nil
}

// Bounds of a statement.
const (
	sqlTimeout = 5 * time.Second
	sqlRows    = 10_000
)

func (s *Server) postSQL(r *http.Request) (any, error) {
	var body struct {
		SQL   string `json:"sql"`
		Limit int    `json:"limit"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if body.Limit == 0 {
		body.Limit = 1000
	}
	if body.Limit < 1 || body.Limit > sqlRows {
		return nil, badParameter("limit", "limit: want a number from 1 to %d, not %d", sqlRows, body.Limit)
	}
	ctx, cancel := context.WithTimeout(r.Context(), sqlTimeout)
	defer cancel()
	began := time.Now()
	table, err := s.repo.SQL(ctx, body.SQL, body.Limit)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, refuse(http.StatusGatewayTimeout, "the statement ran longer than %s", sqlTimeout)
	case err != nil:
		return nil, refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	for _, row := range table.Rows {
		for i, v := range row {
			row[i] = cellValue(v)
		}
	}
	return map[string]any{"columns": table.Columns, "rows": table.Rows, "truncated": table.Truncated, "elapsed_ns": time.Since(began)}, nil
}

// cellValue is a value as JSON, and a reader that has doubles alone, can have it.
func cellValue(v any) any {
	switch v := v.(type) {
	case int64:
		if v > 1<<53 || v < -1<<53 {
			return strconv.FormatInt(v, 10)
		}
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return "0x" + hex.EncodeToString(v)
	}
	return v
}
