package browsertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Tool is a built monitorgen.
type Tool struct {
	path string
	root string // the module's folder
}

// Build compiles monitorgen into the folder, from the module two folders above
// the working directory: this one does not require it, so that no change of its
// requirements has to be repeated here.
func Build(dir string) (*Tool, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	t := &Tool{path: filepath.Join(dir, "monitorgen"), root: root}
	cmd := exec.Command("go", "build", "-o", t.path, "./cmd/monitorgen")
	cmd.Dir = t.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return t, nil
}

// Record runs a package of the module, recorded into the database.
func (t *Tool) Record(ctx context.Context, database, pkg string, args ...string) error {
	cmd := t.Recording(ctx, database, pkg, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("monitorgen run %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Recording is the command that Record runs.
func (t *Tool) Recording(ctx context.Context, database, pkg string, args ...string) *exec.Cmd {
	cmd := t.RecordingHere(ctx, database, pkg, args...)
	cmd.Dir = t.root
	return cmd
}

// RecordingHere runs a package of the module that the working directory is in.
func (t *Tool) RecordingHere(ctx context.Context, database, pkg string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.path, append([]string{"run", "-db", database, pkg}, args...)...)
	cmd.WaitDelay = 10 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// Server is a running `monitorgen serve`.
type Server struct {
	URL string // http://127.0.0.1:port, without a slash behind it
	PID int
	cmd *exec.Cmd
}

// Serve starts the dashboard of a database on a free port.
func (t *Tool) Serve(ctx context.Context, database string) (*Server, error) {
	cmd := exec.CommandContext(ctx, t.path, "serve", "-addr", "127.0.0.1:0", database)
	cmd.Dir = filepath.Dir(database)
	return start(cmd)
}

// start starts a server and waits for the URL that it prints.
func start(cmd *exec.Cmd) (*Server, error) {
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		for word := range strings.FieldsSeq(lines.Text()) {
			if u, err := url.Parse(word); err == nil && u.Scheme == "http" {
				go io.Copy(io.Discard, stdout)
				return &Server{URL: strings.TrimSuffix(word, "/"), PID: cmd.Process.Pid, cmd: cmd}, nil
			}
		}
	}
	cmd.Process.Kill()
	return nil, errors.Join(errors.New("monitorgen serve printed no URL"), lines.Err(), cmd.Wait())
}

// Close ends the server as Ctrl-C does.
func (s *Server) Close() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.cmd.Wait()
}
