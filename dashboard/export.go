package dashboard

import (
	"fmt"
	"net/http"

	"github.com/monitorgen/monitorgen/export"
)

// getExport streams calls in a format. Nothing bounds how long it takes: a client
// that does not want more goes.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request) {
	p := parametersOf(r)
	f := p.filter()
	format, err := export.Find(p.text("format"))
	if err != nil {
		p.fail(badParameter("format", "format: %v", err))
	}
	if p.err != nil {
		writeProblem(w, p.err)
		return
	}
	out := &begun{ResponseWriter: w}
	w.Header().Set("Content-Type", format.ContentType)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "monitor"+format.Extension))
	w.Header().Set("Cache-Control", "no-store")
	if _, err := export.Write(r.Context(), out, format, s.repo, f); err != nil {
		if !out.yes {
			w.Header().Del("Content-Disposition")
			writeProblem(w, err)
			return
		}
		// The client must not take half a file for a whole one.
		panic(http.ErrAbortHandler)
	}
}

// begun knows whether anything of an answer was sent.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(data []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(data)
}
