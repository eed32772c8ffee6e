package otlp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/monitorgen/monitorgen/internal/otlptrace"
	"github.com/monitorgen/monitorgen/internal/value"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

func init() {
	for _, scheme := range []string{"otlp+http", "otlp+https"} {
		sink.Register(scheme, func(a *sink.Address) (sink.Store, error) { return Open(a, Options{}) })
	}
}

// HeadersVariable is the environment variable with headers to send along, a
// collector's API key for instance, as OpenTelemetry defines it: key=value pairs
// with commas between them, values percent-encoded.
const HeadersVariable = "OTEL_EXPORTER_OTLP_HEADERS"

// maxSpans is how many spans a request has at most. Collectors refuse requests of
// 20 MiB by default; one that is too large for a receiver is halved.
const maxSpans = 2_000

// Options of Open. The zero value is fine.
type Options struct {
	Client *http.Client        // nil: one that waits 30 seconds for an answer
	Getenv func(string) string // nil: os.Getenv
	Log    io.Writer           // what a receiver refuses, a line each; nil: standard error
}

// Store sends calls. It implements sink.Store and sink.Forwarder.
//
// Calls alone are sent; OTLP's traces have no place for drops, figures and open
// calls.
type Store struct {
	address  *sink.Address
	endpoint string
	headers  http.Header
	client   *http.Client
	log      io.Writer
	runs     map[sink.RunID]*otlptrace.Run
	last     sink.RunID
	until    time.Time // the receiver wants nothing before
}

var _ sink.Forwarder = (*Store)(nil)

// Open returns a Store for an address otlp+https://host:4318[/v1/traces], and
// otlp+http:// for a receiver on this host. User and password in it are sent as
// basic authentication. Nothing is sent yet.
func Open(a *sink.Address, o Options) (*Store, error) {
	u := a.URL()
	u.Scheme = strings.TrimPrefix(u.Scheme, "otlp+")
	if u.Host == "" {
		return nil, fmt.Errorf("%s: the host is missing, as in otlp+https://collector:4318", a)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: an OTLP address has no parameters; headers come from %s", a, HeadersVariable)
	}
	if u.Scheme == "http" && !a.Loopback() {
		return nil, fmt.Errorf("%s would send what is recorded as it is over the network: use otlp+https://", a)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	headers, err := parseHeaders(o.Getenv(HeadersVariable))
	if err != nil {
		return nil, err
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		r := http.Request{Header: headers}
		r.SetBasicAuth(user.Username(), password)
		u.User = nil
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	s := &Store{address: a, endpoint: u.String(), headers: headers, client: o.Client, log: o.Log, runs: map[sink.RunID]*otlptrace.Run{}}
	if s.log == nil {
		s.log = os.Stderr
	}
	if s.client == nil {
		s.client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // headers are for the named receiver alone
		}}
	}
	return s, nil
}

// parseHeaders reads key=value pairs; an error holds no value.
func parseHeaders(text string) (http.Header, error) {
	headers := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, v, ok := strings.Cut(pair, "=")
		v, err := url.PathUnescape(strings.TrimSpace(v))
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: not a list of key=value pairs, with commas between them and values percent-encoded", HeadersVariable)
		}
		headers.Add(strings.TrimSpace(key), v)
	}
	return headers, nil
}

// String is the address, without credentials.
func (s *Store) String() string { return s.address.String() }

// Name is what the positions of this receiver are kept under.
func (s *Store) Name() string {
	sum := sha256.Sum256([]byte(s.endpoint))
	return "otlp-" + hex.EncodeToString(sum[:8])
}

// Run makes a run known. It asks nobody.
func (s *Store) Run(_ context.Context, info *spool.Info) (sink.RunID, []spool.Position, error) {
	s.last++
	s.runs[s.last] = &otlptrace.Run{UUID: info.ID, Program: info.Program, Host: info.Host, PID: int64(info.PID), GoVersion: info.Go, Module: info.Module}
	return s.last, nil, nil
}

// Write sends the calls of a batch. When it fails some of them may have been
// taken; they come again as the same spans.
func (s *Store) Write(ctx context.Context, b *sink.Batch) error {
	run := s.runs[b.Run]
	if run == nil {
		return fmt.Errorf("%s: %w", s, sink.ErrUnknownRun)
	}
	if wait := time.Until(s.until); wait > 0 && len(b.Calls) > 0 {
		return fmt.Errorf("%s: the receiver asked to wait; %v are left", s, wait.Round(time.Second))
	}
	var spans []*tracepb.Span
	for i := range b.Calls {
		spans = append(spans, run.Span(newCall(&b.Calls[i])))
		if len(spans) == maxSpans || i == len(b.Calls)-1 {
			if err := s.send(ctx, run, spans); err != nil {
				return fmt.Errorf("%s: send %d spans: %w", s, len(spans), err)
			}
			spans = spans[:0]
		}
	}
	if b.Ended {
		delete(s.runs, b.Run)
	}
	return nil
}

// send sends spans, by halves where they are too many for the receiver.
func (s *Store) send(ctx context.Context, run *otlptrace.Run, spans []*tracepb.Span) error {
	err := s.post(ctx, &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   run.Resource(),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: otlptrace.Scope}, Spans: spans}},
	}}})
	if !errors.Is(err, errTooLarge) {
		return err
	}
	if len(spans) == 1 {
		s.say("a span is too large for the receiver, and left out: " + spans[0].Name)
		return nil
	}
	half := len(spans) / 2
	return cmp.Or(s.send(ctx, run, spans[:half]), s.send(ctx, run, spans[half:]))
}

// say tells of spans that are not sent again.
func (s *Store) say(what string) { fmt.Fprintf(s.log, "monitorgen: %s: %s\n", s, what) }

// Close gives idle connections back.
func (s *Store) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// newCall makes the form of a call that spans are made of.
func newCall(c *spool.Call) *otlptrace.Call {
	f := c.Function
	out := &otlptrace.Call{
		ID: c.ID, Parent: c.Parent, Trace: c.Trace, Start: c.Start, Duration: c.Duration, Process: f.Process, Group: f.Group,
		Function: f.Package + "." + f.Name, File: f.File, Line: f.Line, Goroutine: c.Goroutine, Failed: c.Failed(), Exception: c.Exception,
	}
	if c.Remote != nil {
		out.RemoteTrace, out.RemoteParent = c.Remote.Trace[:], c.Remote.Span
	}
	if c.Stack != nil {
		out.Stack = c.Stack.Text
	}
	var values []json.RawMessage
	if c.Data == "" || json.Unmarshal([]byte(c.Data), &values) != nil {
		return out
	}
	for i, v := range values[:min(len(values), len(f.Data))] {
		text := otlptrace.Value{Name: f.Data[i].Name, Text: value.Text(v)}
		if f.Data[i].Output {
			out.Results = append(out.Results, text)
		} else {
			out.Arguments = append(out.Arguments, text)
		}
	}
	return out
}
