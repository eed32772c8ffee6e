package dashboard

import (
	"context"
	"net/http"

	"github.com/monitorgen/monitorgen/export"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

type openAnswer struct {
	Available bool      `json:"available"`
	Rows      []callRow `json:"rows"`
}

func (s *Server) getOpen(r *http.Request) (any, error) {
	if s.options.OpenCalls == nil {
		return openAnswer{Rows: []callRow{}}, nil
	}
	calls, err := s.options.OpenCalls(r.Context(), false)
	if err != nil {
		return nil, err
	}
	return openAnswer{true, calls}, nil
}

// openCall returns a call that a living process is in; ok is false where nobody
// tells of it.
func (s *Server) openCall(ctx context.Context, id query.CallID) (call export.Call, ok bool) {
	if s.options.OpenCalls == nil {
		return call, false
	}
	calls, err := s.options.OpenCalls(ctx, true)
	if err != nil {
		return call, false
	}
	for _, c := range calls {
		if c.Call == id.String() {
			return c, true
		}
	}
	return call, false
}
