package dashboard

import (
	"context"
	"net/http"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
)

// Controller changes what running processes record. It is by function, whatever
// its group.
type Controller interface {
	// Controlled returns what is in force.
	Controlled(ctx context.Context) ([]Controlled, error)
	// Control changes functions; all of them or, when it fails, none.
	Control(ctx context.Context, changes []ControlChange) error
}

// Controlled is a function and what is recorded of it.
type Controlled struct {
	Process string
	Package string
	Name    string
	Group   string
	Mode    string   // off, timing, args or full
	Sample  *float64 // the share of calls; nil: as the directive says
	Set     bool     // somebody has changed it
	Running int      // living processes that have it
}

// ControlChange is what is to be recorded of a function.
type ControlChange struct {
	Process string   `json:"process"`
	Mode    string   `json:"mode"`   // "" leaves it; reset goes back to the directive
	Sample  *float64 `json:"sample"` // nil leaves it
}

type controlRow struct {
	Func    *int64   `json:"func"`
	Process string   `json:"process"`
	Group   string   `json:"group"`
	Mode    string   `json:"mode"`
	Sample  *float64 `json:"sample"`
	Set     bool     `json:"set"`
	Running int      `json:"running"`
}

func (s *Server) getControl(r *http.Request) (any, error) {
	if s.options.Control == nil {
		return map[string]any{"available": false, "functions": []controlRow{}}, nil
	}
	controlled, err := s.options.Control.Controlled(r.Context())
	if err != nil {
		return nil, err
	}
	ids, err := s.idsByProcess(r.Context())
	if err != nil {
		return nil, err
	}
	rows := []controlRow{}
	for _, c := range controlled {
		row := newControlRow(c)
		if id, ok := ids[c.Process]; ok {
			row.Func = &id
		}
		rows = append(rows, row)
	}
	return map[string]any{"available": true, "functions": rows}, nil
}

func newControlRow(c Controlled) controlRow {
	return controlRow{Process: c.Process, Group: c.Group, Mode: c.Mode, Sample: c.Sample, Set: c.Set, Running: c.Running}
}

// addControl fills in what is recorded of functions.
func (s *Server) addControl(ctx context.Context, rows []funcRow) error {
	if s.options.Control == nil {
		return nil
	}
	controlled, err := s.options.Control.Controlled(ctx)
	if err != nil {
		return err
	}
	byName := map[aggregate.Name]Controlled{}
	for _, c := range controlled {
		byName[aggregate.Name{Process: c.Process, Group: c.Group}] = c
	}
	for i := range rows {
		if c, ok := byName[aggregate.Name{Process: rows[i].Process, Group: rows[i].Group}]; ok {
			row := newControlRow(c)
			row.Func = &rows[i].ID
			rows[i].Control = &row
		}
	}
	return nil
}

// idsByProcess returns the newest function of each process name.
func (s *Server) idsByProcess(ctx context.Context) (map[string]int64, error) {
	all, err := s.repo.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	for _, f := range all {
		ids[f.Process] = f.ID
	}
	return ids, nil
}

func (s *Server) patchControl(r *http.Request) (any, error) {
	if s.options.Control == nil {
		return nil, refuse(http.StatusConflict, "this server controls nothing")
	}
	var body struct {
		Functions []ControlChange `json:"functions"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	known, err := s.options.Control.Controlled(r.Context())
	if err != nil {
		return nil, err
	}
	for _, c := range body.Functions {
		if err := c.check(known); err != nil {
			return nil, err
		}
	}
	if err := s.options.Control.Control(r.Context(), body.Functions); err != nil {
		return nil, refuse(http.StatusConflict, "%v", err)
	}
	return s.getControl(r)
}

func (c ControlChange) check(known []Controlled) error {
	switch c.Mode {
	case "", "off", "timing", "args", "full", "reset":
	default:
		return badParameter("mode", "mode: want off, timing, args, full or reset, not %q", c.Mode)
	}
	if c.Sample != nil && !(*c.Sample >= 0 && *c.Sample <= 1) {
		return badParameter("sample", "sample: want a share from 0 to 1")
	}
	for _, k := range known {
		if k.Process == c.Process {
			return nil
		}
	}
	return badParameter("process", "process: no function %q", c.Process)
}
