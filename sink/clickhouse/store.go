package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink"
)

func init() {
	sink.Register("clickhouse", func(a *sink.Address) (sink.Store, error) { return Open(a, Options{}) })
}

// Environment variables for what is better not in a URL, as ClickHouse's own client
// knows them.
const (
	UserVariable     = "CLICKHOUSE_USER"
	PasswordVariable = "CLICKHOUSE_PASSWORD"
)

// operationTimeout bounds the wait for a server that does not answer an operation, a
// batch of 50,000 calls for instance.
const operationTimeout = time.Minute

// Options of Open. The zero value is fine.
type Options struct {
	Client *http.Client        // nil: one of the Store's own
	Getenv func(string) string // nil: os.Getenv
}

// Store writes one database. It implements sink.Store and sink.Maintainer.
type Store struct {
	address   *sink.Address
	client    *client
	retention time.Duration // 0: all is kept

	ready     bool // the server has been looked at since the last failure
	dialect   dialect
	runs      map[sink.RunID]*progress
	functions map[[32]byte]bool // that are stored
	stacks    map[[32]byte]bool
	body      rows      // memory for the next batch
	looked    time.Time // when Maintain last looked
}

var (
	_ sink.Store      = (*Store)(nil)
	_ sink.Maintainer = (*Store)(nil)
)

// mostRetention is how long calls can be kept that are not kept for ever: a time to
// live ends where a DateTime does, in 2106.
const (
	mostYears     = 50
	mostRetention = mostYears * 365 * 24 * time.Hour
)

// Open returns a Store for clickhouse://user:password@host:8443/database. Another
// host is reached by https, with its certificate verified, this one by http unless
// the URL has tls=on; the port is 8443 or 8123 where the URL has none. User and
// password can be in the environment as well. retention says how long calls are kept
// (sink.Address.Retention); all other parameters are settings of ClickHouse for the
// statements that insert. Nobody is asked yet.
func Open(a *sink.Address, o Options) (*Store, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	retention, err := a.Retention()
	if err == nil && retention > mostRetention {
		err = fmt.Errorf("%s: calls are kept for %d years at most; retention=off keeps them for ever", a, mostYears)
	}
	if err != nil {
		return nil, err
	}
	retention = retention.Truncate(time.Second) // as tables have it
	client, err := newClient(a, o)
	if err != nil {
		return nil, err
	}
	s := &Store{address: a, client: client, retention: retention, runs: map[sink.RunID]*progress{}}
	s.forget()
	return s, nil
}

func newClient(a *sink.Address, o Options) (*client, error) {
	u := a.URL()
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%s: the host is missing, as in clickhouse://host:8443/database", a)
	}
	database := strings.Trim(u.Path, "/")
	if strings.Contains(database, "/") {
		return nil, fmt.Errorf("%s: the path is the name of a database, without further slashes", a)
	}
	encrypted, err := tls(a)
	if err != nil {
		return nil, err
	}
	settings, err := settings(a)
	if err != nil {
		return nil, err
	}
	c := &client{settings: settings, user: credentials(u.User, o.Getenv), zip: !a.Loopback(), http: o.Client}
	target := url.URL{Scheme: "http", Host: u.Host, Path: "/"}
	port := "8123"
	if encrypted {
		target.Scheme, port = "https", "8443"
	}
	if u.Port() == "" {
		target.Host = strings.TrimSuffix(u.Host, ":") + ":" + port
	}
	parameters := url.Values{}
	parameters.Set("wait_end_of_query", "1") // a failure in the middle is one from the beginning
	if database != "" {
		parameters.Set("database", database)
	}
	target.RawQuery = parameters.Encode()
	c.endpoint = target.String()
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport(), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // credentials are for the named server alone
		}}
	}
	return c, nil
}

// tls reports whether the server is reached by it.
func tls(a *sink.Address) (bool, error) {
	switch text := a.URL().Query().Get("tls"); {
	case text != "" && text != "on" && text != "off":
		return false, fmt.Errorf("%s: tls is on or off", a)
	case a.Loopback():
		return text == "on", nil
	case text == "off":
		return false, fmt.Errorf("%s: tls=off would send what is recorded as it is over the network: leave it out", a)
	}
	return true, nil
}

// settings are the parameters of the URL that are ClickHouse's.
func settings(a *sink.Address) (url.Values, error) {
	all := a.URL().Query()
	all.Del("retention")
	all.Del("tls")
	for key, values := range all {
		switch {
		case len(values) != 1:
			return nil, fmt.Errorf("%s: %s is said %d times", a, key, len(values))
		case strings.Contains(key, "password") || key == "user" || key == "username":
			return nil, fmt.Errorf("%s: user and password stand before the host, or in %s and %s", a, UserVariable, PasswordVariable)
		case key == "query" || key == "database" || key == "wait_end_of_query" || strings.HasSuffix(key, "format") || strings.HasPrefix(key, "session"):
			return nil, fmt.Errorf("%s: %s is the store's own to set; the database is the path", a, key)
		case key == "wait_for_async_insert" && values[0] != "1":
			return nil, fmt.Errorf("%s: wait_for_async_insert has to be 1: what the server has not written it has not acknowledged", a)
		}
	}
	return all, nil
}

// credentials are those of the URL, completed from the environment.
func credentials(named *url.Userinfo, getenv func(string) string) *url.Userinfo {
	user, password := getenv(UserVariable), getenv(PasswordVariable)
	if named != nil {
		if user = named.Username(); user == "" {
			user = getenv(UserVariable)
		}
		if said, set := named.Password(); set {
			password = said
		}
	}
	if user == "" && password == "" {
		return nil
	}
	if user == "" {
		user = "default"
	}
	return url.UserPassword(user, password)
}

// String is the address, without credentials.
func (s *Store) String() string { return s.address.String() }

// forget is for a server that may not be what it was.
func (s *Store) forget() {
	s.ready = false
	s.functions, s.stacks = map[[32]byte]bool{}, map[[32]byte]bool{}
}

// do does an operation. After a failure the server is looked at again before the next.
func (s *Store) do(ctx context.Context, what string, operation func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if !s.ready {
		err = s.prepare(ctx)
	}
	if err == nil {
		err = operation(ctx)
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, sink.ErrUnknownRun) {
		s.forget()
	}
	return fmt.Errorf("%s: %s: %w", s, what, s.address.Hide(err))
}

// ErrSchema says that the database's tables are of a version that this program
// does not write.
var ErrSchema = errors.New("the tables are of another version of monitorgen")

// prepare looks who the server is, and makes the tables where there are none.
func (s *Store) prepare(ctx context.Context) error {
	version, err := s.client.one(ctx, "SELECT version()")
	if err != nil {
		return err
	}
	if s.dialect, err = newDialect(version); err != nil {
		return err
	}
	if s.dialect.modern {
		// Whatever the server's own settings are: what it acknowledges is written.
		s.client.settings.Set("wait_for_async_insert", "1")
	}
	there, err := s.client.one(ctx, "EXISTS TABLE monitor_schema")
	if err == nil && there != "1" {
		clear(s.runs) // in tables that are gone
		err = s.create(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	if err := s.applyRetention(ctx); err != nil {
		return fmt.Errorf("say how long calls are kept: %w", err)
	}
	s.ready = true
	return nil
}

// create makes tables and views. Several agents may do so at once.
func (s *Store) create(ctx context.Context) error {
	for _, statement := range s.dialect.statements(s.retention) {
		if err := s.client.exec(ctx, statement); err != nil {
			return fmt.Errorf("make the tables: %w", err)
		}
	}
	return nil
}

func (s *Store) checkVersion(ctx context.Context) error {
	text, err := s.client.one(ctx, "SELECT max(version) FROM monitor_schema")
	if err != nil {
		return err
	}
	if version, err := strconv.Atoi(text); err != nil || version != schemaVersion {
		return fmt.Errorf("%w: version %.20s, this one writes %d", ErrSchema, text, schemaVersion)
	}
	return nil
}

// Close closes the connections.
func (s *Store) Close() error {
	s.client.http.CloseIdleConnections()
	return nil
}
