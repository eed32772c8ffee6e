package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/dashboard/web"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const serveUsage = `usage: monitorgen serve [flags] [FILE | URL]

Serve shows a database as a live page, and as JSON under /api/v1 (docs/api.md),
until it is interrupted. It prints the URL. FILE is a database, monitor.db if not
named, or the URL of a PostgreSQL that agents send calls to (docs/scale.md); it is
only read. Rules of alerts are in a file of their own.

	monitorgen serve
	monitorgen serve -addr 0.0.0.0:7788 desk.db
	PGPASSWORD=... monitorgen serve postgres://reader@db.example/monitor

It listens on this machine alone unless -addr says otherwise. Then a token is
needed: $MONITOR_TOKEN, or one that it makes and prints with the URL.
`

// defaultAddress is where the dashboard is looked for. If that port is taken, the
// next free one will do.
const (
	defaultAddress = "127.0.0.1:7788"
	portsTried     = 20
)

// serveFlags say how a dashboard is served.
type serveFlags struct {
	address string
	hosts   stringList
	token   bool
	alerts  string
}

func (f *serveFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.address, "addr", "", "listen on this `host:port` (default "+defaultAddress+", or the next free port)")
	fs.Var(&f.hosts, "host", "answer requests for this `name` too, as behind a proxy; may be given again")
	fs.BoolVar(&f.token, "token", false, "ask for a token on loopback too")
	fs.StringVar(&f.alerts, "alerts", "", "the `file` of alert rules (default monitor-alerts.json beside the database, or here where that is on a server)")
}

// stringList is a flag that may be given again.
type stringList []string

func (l *stringList) String() string { return strings.Join(*l, ",") }
func (l *stringList) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func runServe(ctx context.Context, e *env, args []string) int {
	var f serveFlags
	fs := newFlags(e, "serve", serveUsage)
	f.register(fs)
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	if !goOn {
		return code
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	s, err := e.startDashboard(&f, db)
	if err != nil {
		return e.failf("%v", err)
	}
	defer s.close()
	fmt.Fprintf(e.stdout, "monitorgen: %s at %s\n", e.shortPath(db.Path()), s.url)
	select {
	case <-ctx.Done():
		return exitDone
	case err := <-s.failed:
		return e.failf("serve: %v", err)
	}
}

// alertFile is where the rules of alerts are, beside the database.
const alertFile = "monitor-alerts.json"

// serving is a dashboard that is being served.
type serving struct {
	url       string
	http      *http.Server
	dashboard *dashboard.Server
	failed    chan error
	db        reader // to be closed too; nil if it is another's
}

// startDashboard listens and serves.
func (e *env) startDashboard(f *serveFlags, db reader) (*serving, error) {
	listener, err := listen(f.address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		listener.Close()
		return nil, err
	}
	token := ""
	if f.token || !loopback(host) {
		if token, err = e.token(); err != nil {
			listener.Close()
			return nil, err
		}
	}
	o := dashboard.Options{Repository: db}
	rules := e.path(alertFile)
	if file, ok := db.(*query.DB); ok { // its spool is beside it
		rules = filepath.Join(filepath.Dir(db.Path()), alertFile)
		programs := e.programs(file)
		o.Control, o.Sinks, o.Spools, o.OpenCalls = programs, programs.sinks, programs.spools, programs.open
	}
	if f.alerts != "" {
		rules = e.path(f.alerts)
	}
	hosts := f.hosts
	if named, _, err := net.SplitHostPort(f.address); err == nil && named != "" {
		hosts = append(hosts, named)
	}
	s := &serving{failed: make(chan error, 1), url: pageURL(listener.Addr().String(), token)}
	o.Host, o.Hosts, o.Token, o.Pages = host, hosts, token, web.Handler()
	o.AlertFile, o.URL, o.Version = rules, pageURL(listener.Addr().String(), ""), version()
	s.dashboard = dashboard.New(o)
	s.http = &http.Server{Handler: s.dashboard, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: log.New(e.stderr, "monitorgen: ", 0)}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// servePage serves the database that is being recorded into, and says where.
func (e *env) servePage(ctx context.Context, path string) (*serving, error) {
	db, err := query.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	s, err := e.startDashboard(new(serveFlags), db)
	if err != nil {
		db.Close()
		return nil, err
	}
	s.db = db
	fmt.Fprintf(e.stderr, "monitorgen: %s at %s\n", e.shortPath(path), s.url)
	return s, nil
}

// close ends what clients are getting.
func (s *serving) close() {
	s.dashboard.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close() // somebody is still reading
	}
	if s.db != nil {
		s.db.Close()
	}
}

// listen takes the address, or without one the first free port from the default on.
func listen(address string) (net.Listener, error) {
	if address != "" {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("-addr %s: %w", address, err)
		}
		return listener, nil
	}
	first := netip.MustParseAddrPort(defaultAddress)
	var err error
	for i := range uint16(portsTried) {
		var listener net.Listener
		at := netip.AddrPortFrom(first.Addr(), first.Port()+i)
		if listener, err = net.Listen("tcp", at.String()); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("listen: %w; -addr names another port", err)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// minToken is how many characters a token has at least.
const minToken = 16

// token returns the one of the environment, or makes one.
func (e *env) token() (string, error) {
	if token := e.getenv("MONITOR_TOKEN"); token != "" {
		if len(token) < minToken {
			return "", fmt.Errorf("MONITOR_TOKEN: a token has at least %d characters", minToken)
		}
		return token, nil
	}
	var b [24]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// pageURL is what a browser is given. An address that stands for all of this
// machine's is shown as one that can be opened.
func pageURL(address, token string) string {
	host, port, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	if token != "" {
		u.RawQuery = url.Values{"token": {token}}.Encode()
	}
	return u.String()
}

// version is that of this build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}
