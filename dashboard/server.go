package dashboard

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/alert"
	"github.com/monitorgen/monitorgen/export"
)

// Options say what a Server may do. Only Repository is needed.
type Options struct {
	Repository Repository
	// Host is the name or address that the server listens on, and Hosts are further
	// ones that requests may ask for. Loopback names always may.
	Host  string
	Hosts []string
	// Token, if it is not empty, has to be shown with every request. An address
	// that others can reach must have one.
	Token string
	// Pages answers all that is not the API.
	Pages http.Handler
	// AlertFile has the rules of alerts, and need not exist. Without one none are
	// watched.
	AlertFile string
	// URL is where clients find the pages, for what webhooks are told.
	URL string
	// Control, if it is not nil, changes what running processes record.
	Control Controller
	// Sinks, if it is not nil, says how the living sinks of the database are.
	Sinks func() ([]SinkState, error)
	// Spools, if it is not nil, returns the runs in the database's spool folder.
	Spools func(ctx context.Context) ([]Spooled, error)
	// OpenCalls, if it is not nil, returns the calls that living processes are in,
	// with values in full or as lists have them.
	OpenCalls func(ctx context.Context, full bool) ([]export.Call, error)
	// Version is shown to clients.
	Version string
}

// Server answers the API of docs/api.md.
type Server struct {
	options Options
	repo    Repository
	handler http.Handler
	live    *hub
	alerts  *alert.Watch // nil: none

	alertError error // why there are none
	traces     *traceCache
	counts     *countCache
}

// requestTimeout bounds what one request reads.
const requestTimeout = 30 * time.Second

// New returns a Server. Close ends what it has begun.
func New(o Options) *Server {
	s := &Server{options: o, repo: o.Repository, traces: newTraceCache(), counts: newCountCache()}
	s.live = newHub(s)
	s.watchRules()
	if o.Pages == nil {
		s.options.Pages = http.HandlerFunc(http.NotFound)
	}
	s.handler = &guard{hosts: hostsOf(o.Host, o.Hosts), token: o.Token, origin: http.NewCrossOriginProtection(), next: s.routes()}
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close says goodbye to live clients.
func (s *Server) Close() { s.live.close() }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for path, m := range map[string]methods{
		"calls":                    {"GET": answer(s.getCalls)},
		"calls/{id}":               {"GET": answer(s.getCall)},
		"calls/{id}/children":      {"GET": answer(s.getChildren)},
		"values":                   {"GET": answer(s.getValues)},
		"tail":                     {"GET": http.HandlerFunc(s.getTail)},
		"traces/{root}/tree":       {"GET": answer(s.getTree)},
		"traces/{root}/flame":      {"GET": answer(s.getFlame)},
		"funcs":                    {"GET": answer(s.getFuncs)},
		"funcs/{id}":               {"GET": answer(s.getFunc)},
		"funcs/{id}/source":        {"GET": answer(s.getSource)},
		"errors":                   {"GET": answer(s.getErrors)},
		"errors/{fingerprint}":     {"GET": answer(s.getError)},
		"overview":                 {"GET": answer(s.getOverview)},
		"timeline":                 {"GET": answer(s.getTimeline)},
		"metrics":                  {"GET": answer(s.getMetrics)},
		"heatmap":                  {"GET": answer(s.getHeatmap)},
		"graph":                    {"GET": answer(s.getGraph)},
		"compare":                  {"GET": answer(s.getCompare)},
		"open":                     {"GET": answer(s.getOpen)},
		"runs":                     {"GET": answer(s.getRuns)},
		"health":                   {"GET": answer(s.getHealth)},
		"export":                   {"GET": http.HandlerFunc(s.getExport)},
		"explain":                  {"GET": answer(s.getExplain)},
		"sql":                      {"POST": answer(s.postSQL)},
		"alerts":                   {"GET": answer(s.getAlerts)},
		"alerts/history":           {"GET": answer(s.getAlertHistory)},
		"alerts/rules":             {"POST": http.HandlerFunc(s.postRule)},
		"alerts/rules/{name}":      {"PUT": http.HandlerFunc(s.putRule), "DELETE": http.HandlerFunc(s.deleteRule)},
		"alerts/rules/{name}/test": {"POST": answer(s.testRule)},
		"control":                  {"GET": answer(s.getControl), "PATCH": answer(s.patchControl)},
		"live":                     {"GET": http.HandlerFunc(s.getLive)},
	} {
		mux.Handle("/api/v1/"+path, m)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, refuse(http.StatusNotFound, "there is no %s; docs/api.md has what there is", r.URL.Path))
	})
	mux.Handle("/", s.options.Pages)
	return mux
}

// methods answers by method.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h := m[method]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	for name := range m {
		w.Header().Add("Allow", name)
	}
	writeProblem(w, refuse(http.StatusMethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method))
}

// answer makes a handler of a function that returns what is to be sent in JSON.
func answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		v, err := f(r.WithContext(ctx))
		if err != nil {
			writeProblem(w, cmp.Or(ctxProblem(ctx), err))
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

// ctxProblem is the reason of an error that comes of a context that has ended.
func ctxProblem(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error is a client that is gone
}

// maxBody bounds what a client sends.
const maxBody = 1 << 20

// readJSON reads the body of a change.
func readJSON(r *http.Request, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "the body: %v", err)
	}
	if len(data) > maxBody {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "the body: %v", err)
	}
	return nil
}
