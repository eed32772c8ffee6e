//go:build unix

// Package pgserver starts a PostgreSQL server of this host for tests and
// measurements: in a folder of its own, on loopback, as an unprivileged user.
//
// In: the programs of Debian's package postgresql, or those on the PATH. Out: a
// server that can be killed and started again.
// May import: the standard library and what reads PostgreSQL.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNone says that this host has no PostgreSQL.
var ErrNone = errors.New("no PostgreSQL here: apt-get install postgresql")

// startTimeout bounds the wait for a server to answer: after a kill it first
// replays its log, when the processes of the killed one have ended.
const startTimeout = 60 * time.Second

// Server is a server.
type Server struct {
	bin, dir string
	port     int
	user     *syscall.Credential // nil: the one who runs us
	password string
	process  *exec.Cmd // nil while it is down
}

// New makes a database cluster below dir and starts its server. The superuser is
// called monitor and has the password, which may be anything.
func New(ctx context.Context, dir, password string) (*Server, error) {
	s := &Server{dir: filepath.Join(dir, "data"), password: password}
	var err error
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if s.user, err = unprivileged(dir); err != nil {
			return nil, err
		}
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return nil, err
	}
	defer os.Remove(secret)
	initdb := s.command("initdb", "-D", s.dir, "-U", "monitor", "--auth=scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.Start(ctx)
}

// programs returns the folder of PostgreSQL's programs: the newest of Debian's, or
// what the PATH has.
func programs() (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrNone
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// unprivileged returns the user that the server runs as, who is not root, and gives
// it the folder. The group stays ours, so that it gets to where we do.
func unprivileged(dir string) (*syscall.Credential, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(os.Getgid())}, os.Chown(dir, int(uid), os.Getgid())
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.Env = filepath.Dir(s.dir), []string{"LC_ALL=C"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Setpgid: true}
	return c
}

// URL is the server's address, with user and password.
func (s *Server) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("monitor", s.password), Host: fmt.Sprintf("127.0.0.1:%d", s.port), Path: "/postgres"}
	return u.String()
}

// Start starts the server and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if s.process == nil {
			// Shared memory is in its folder: a server that is killed leaves it behind.
			s.process = s.command("postgres", "-D", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", "", "-c", "dynamic_shared_memory_type=mmap")
			if err := s.process.Start(); err != nil {
				return err
			}
		}
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the server does not answer: %s", strings.ReplaceAll(err.Error(), s.password, "***"))
		}
		// It ends by itself while processes of the one before it live.
		if s.ended() {
			s.process = nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ended reports whether the process has, without waiting for it.
func (s *Server) ended() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(s.process.Process.Pid, &status, syscall.WNOHANG, nil)
	return err != nil || pid != 0
}

// Kill ends the server and its processes at once, as kill -9 does, and returns when
// none of them lives any more. The postmaster is held up first, so that it starts no
// other; those that serve connections would outlive it for a moment, and answer.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	pid := s.process.Process.Pid
	syscall.Kill(pid, syscall.SIGSTOP)
	children := childrenOf(pid)
	for _, child := range children {
		syscall.Kill(child, syscall.SIGKILL)
	}
	s.process.Process.Kill()
	s.process.Wait() // it was killed: that is what it says
	s.process = nil
	for _, child := range children {
		for alive(child) {
			time.Sleep(time.Millisecond)
		}
	}
}

// childrenOf returns the children of a process; none where there is no /proc.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if _, of := processStat(pid); of == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// alive tells whether a process has not ended; one that nobody has waited for has.
func alive(pid int) bool {
	state, _ := processStat(pid)
	return state != "" && state != "Z" && state != "X"
}

// processStat returns the state of a process and its parent, "" for one that is gone.
func processStat(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may be anything but that
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// Version returns what the server says that it is.
func (s *Server) Version(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	return version, conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
}
