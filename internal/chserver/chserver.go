//go:build unix

// Package chserver starts a ClickHouse engine of this host for tests and
// measurements: in a folder of its own, on loopback.
//
// In: a clickhouse-server on the PATH, Debian's for instance; or the engine in chdb's
// library, which bench/chdb serves. Out: an engine that can be killed and started again.
// May import: the standard library.
package chserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNone says that this host has not the engine.
var ErrNone = errors.New("not here")

// startTimeout bounds the wait for an engine to answer.
const startTimeout = 60 * time.Second

// Server is an engine.
type Server struct {
	command func() *exec.Cmd
	address string
	user    *url.Userinfo
	log     string // what it says
	process *exec.Cmd
}

// New starts a server of ClickHouse's own in dir. Its user is called monitor and has
// the password.
func New(ctx context.Context, dir, password string) (*Server, error) {
	program, err := exec.LookPath("clickhouse-server")
	if err != nil {
		return nil, fmt.Errorf("clickhouse-server: %w: apt-get install clickhouse-server", ErrNone)
	}
	s, err := newServer(dir)
	if err != nil {
		return nil, err
	}
	s.user = url.UserPassword("monitor", password)
	config := filepath.Join(dir, "config.xml")
	if err := errors.Join(
		os.WriteFile(config, []byte(s.config(dir)), 0o600),
		os.WriteFile(filepath.Join(dir, "users.xml"), []byte(users(password)), 0o600),
	); err != nil {
		return nil, err
	}
	s.command = func() *exec.Cmd { return exec.Command(program, "--config-file="+config) }
	return s, s.Start(ctx)
}

// NewEmbedded starts the engine of chdb's library in dir. It knows no users.
func NewEmbedded(ctx context.Context, dir string) (*Server, error) {
	library, err := Library()
	if err != nil {
		return nil, err
	}
	shim := filepath.Join(dir, "chdb")
	if err := buildShim(ctx, shim); err != nil {
		return nil, err
	}
	s, err := newServer(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	s.command = func() *exec.Cmd { return exec.Command(shim, s.address, data, library) }
	return s, s.Start(ctx)
}

func newServer(dir string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return &Server{address: l.Addr().String(), log: filepath.Join(dir, "said")}, nil
}

func (s *Server) config(dir string) string {
	_, port, _ := strings.Cut(s.address, ":")
	return fmt.Sprintf(`<yandex>
	<logger><level>error</level><log>%[1]s/log</log><errorlog>%[1]s/errors</errorlog></logger>
	<listen_host>127.0.0.1</listen_host><http_port>%[2]s</http_port>
	<path>%[1]s/data/</path><tmp_path>%[1]s/tmp/</tmp_path>
	<mark_cache_size>67108864</mark_cache_size>
	<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
</yandex>
`, dir, port)
}

func users(password string) string {
	return `<yandex><profiles><default/></profiles><quotas><default/></quotas><users><monitor>
	<password>` + password + `</password>
	<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</monitor></users></yandex>
`
}

// URL is the engine's address, with user and password.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "clickhouse", User: s.user, Host: s.address, Path: "/default"}).String()
}

// Start starts the engine and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	said, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	s.process = s.command()
	s.process.Stdout, s.process.Stderr = said, said
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	for {
		_, err := s.Query(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			s.Kill()
			text, _ := os.ReadFile(s.log)
			return fmt.Errorf("the engine does not answer: %w\n%s", err, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kill ends the engine at once, as kill -9 does, and returns when it has ended.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.process.Process.Kill()
	s.process.Wait() // it was killed: that is what it says
	s.process = nil
}

// Query asks, and returns the answer's text.
func (s *Server) Query(ctx context.Context, statement string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/?database=default", strings.NewReader(statement))
	if err != nil {
		return "", err
	}
	if s.user != nil {
		password, _ := s.user.Password()
		request.SetBasicAuth(s.user.Username(), password)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return strings.TrimSuffix(string(text), "\n"), err
}

// Version returns what the engine says that it is.
func (s *Server) Version(ctx context.Context) (string, error) {
	return s.Query(ctx, "SELECT version()")
}
