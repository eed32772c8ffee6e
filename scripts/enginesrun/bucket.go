//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/archive"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// bucketName is the bucket that the S3 server has.
const bucketName = "expired"

// databases is in how many each half of the calls is, one of which is being archived
// when the server is killed.
const databases = 3

// s3server is an S3 server with its objects on disk, reached by way of a proxy that
// can kill it in the middle of an upload.
type s3server struct {
	program, file, address string
	process                *exec.Cmd
	proxy                  *httptest.Server

	mu     sync.Mutex
	onHalf func() // called in the middle of the next upload, once
}

func startBucket(ctx context.Context, dir string) (*s3server, error) {
	s := &s3server{program: filepath.Join(dir, "s3server"), file: filepath.Join(dir, "objects")}
	build := exec.CommandContext(ctx, "go", "build", "-o", s.program, "./s3server")
	build.Dir = "bench"
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: bench/s3server does not build: %v\n%s", errNone, err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.address = l.Addr().String()
	l.Close()
	s.proxy = httptest.NewServer(s.handler())
	return s, s.Start(ctx)
}

// handler passes requests on, and cuts one upload in two.
func (s *s3server) handler() http.Handler {
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address})
	to.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.ContentLength > 1 {
			s.mu.Lock()
			if s.onHalf != nil {
				r.Body = &halfway{ReadCloser: r.Body, left: r.ContentLength / 2, then: s.onHalf}
				s.onHalf = nil
			}
			s.mu.Unlock()
		}
		to.ServeHTTP(w, r)
	})
}

// halfway is a body that does something when half of it is read.
type halfway struct {
	io.ReadCloser
	left int64
	then func()
}

func (h *halfway) Read(p []byte) (int, error) {
	if h.left <= 0 && h.then != nil {
		h.then()
		h.then = nil
	}
	if h.then != nil {
		p = p[:min(int64(len(p)), h.left)]
	}
	n, err := h.ReadCloser.Read(p)
	h.left -= int64(n)
	return n, err
}

func (s *s3server) url() string {
	return fmt.Sprintf("s3://%s/calls?endpoint=%s&region=us-east-1", bucketName, s.proxy.URL)
}

func (s *s3server) Start(ctx context.Context) error {
	s.process = exec.Command(s.program, s.address, s.file, bucketName)
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return err
	}
	for {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *s3server) Kill() {
	s.process.Process.Kill()
	s.process.Wait() // it was killed: that is what it says
}

// bucketTrial has calls expire from databases into a bucket.
type bucketTrial struct {
	server      *s3server
	archive     *archive.Archive
	victim, dir string
	calls       int // of each half
	down        time.Duration
	made        int // databases so far
}

// testBucket archives calls, kills the server in the middle of an upload, and prints a
// line. Databases give up what is archived, and nothing before.
func testBucket(ctx context.Context, victim, dir string, calls int, down time.Duration) (good bool, err error) {
	server, err := startBucket(ctx, dir)
	if err != nil {
		return false, err
	}
	defer func() { server.Kill(); server.proxy.Close() }()
	for key, value := range map[string]string{"AWS_ACCESS_KEY_ID": "engines", "AWS_SECRET_ACCESS_KEY": "not a secret"} {
		if err := os.Setenv(key, value); err != nil {
			return false, err
		}
	}
	t := &bucketTrial{server: server, victim: victim, dir: dir, calls: calls / databases / 100 * 100 * databases, down: down}
	if t.archive, err = archive.Open(server.url(), os.Getenv, nil); err != nil {
		return false, err
	}
	rate, err := t.undisturbed(ctx)
	if err != nil {
		return false, fmt.Errorf("undisturbed: %w", err)
	}
	killedAt, err := t.kill(ctx)
	if err != nil {
		return false, fmt.Errorf("killed: %w", err)
	}
	found, failed, again, err := t.restored(ctx)
	if err != nil {
		return false, fmt.Errorf("restored: %w", err)
	}
	sent := int64(2 * t.calls)
	printLine("S3", "gofakes3, on disk", sent, killedAt, found, failed, again, "-", rate)
	return found == sent && failed == sent/100 && again == 0, nil
}

// database makes one of calls that expire.
func (t *bucketTrial) database(ctx context.Context) (*sqlite.Store, error) {
	t.made++
	path := filepath.Join(t.dir, fmt.Sprintf("%d.db", t.made))
	if err := record(ctx, t.victim, sink.SpoolOf(path), t.calls/databases); err != nil {
		return nil, err
	}
	filled, err := sqlite.OpenWith(ctx, path, sqlite.Options{Retention: sqlite.KeepAll})
	if err != nil {
		return nil, err
	}
	_, err = sink.NewDrainer(sink.DrainerOptions{Spool: sink.SpoolOf(path), Store: filled, Logger: quiet}).Once(ctx)
	if err = errors.Join(err, filled.Close()); err != nil {
		return nil, err
	}
	return sqlite.OpenWith(ctx, path, sqlite.Options{
		Retention: sqlite.Retention{Age: time.Minute}, Archiver: t.archive,
		Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
}

func (t *bucketTrial) undisturbed(ctx context.Context) (rate float64, err error) {
	var took time.Duration
	for range databases {
		store, err := t.database(ctx)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		err = t.expire(ctx, store)
		took += time.Since(began)
		if err = errors.Join(err, store.Close()); err != nil {
			return 0, err
		}
	}
	return float64(t.calls) / took.Seconds(), nil
}

// expire has all calls of a database go to the bucket.
func (t *bucketTrial) expire(ctx context.Context, store *sqlite.Store) error {
	gone, err := store.Retain(ctx)
	if want := int64(t.calls / databases); err == nil && gone.Rows != want {
		err = fmt.Errorf("%d calls have gone, not %d", gone.Rows, want)
	}
	return err
}

// kill archives while the server is killed in the middle of the second upload, and
// down for a while. It returns how many calls were archived before.
func (t *bucketTrial) kill(ctx context.Context) (killedAt int64, err error) {
	for i := range databases {
		store, err := t.database(ctx)
		if err != nil {
			return 0, err
		}
		if i == 1 {
			killedAt = int64(t.calls / databases)
			err = t.killDuring(ctx, store)
		} else {
			err = t.expire(ctx, store)
		}
		if err = errors.Join(err, store.Close()); err != nil {
			return 0, err
		}
	}
	return killedAt, nil
}

func (t *bucketTrial) killDuring(ctx context.Context, store *sqlite.Store) error {
	killed := make(chan struct{})
	t.server.mu.Lock()
	t.server.onHalf = func() { t.server.Kill(); close(killed) }
	t.server.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		for {
			err := t.expire(ctx, store)
			if err == nil || ctx.Err() != nil {
				done <- err
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	select {
	case <-killed:
	case err := <-done:
		return errors.Join(err, errors.New("the calls were archived without an upload"))
	}
	select {
	case <-time.After(t.down):
	case <-ctx.Done():
	}
	if err := t.server.Start(ctx); err != nil {
		return err
	}
	return <-done
}

// restored brings everything back, and counts.
func (t *bucketTrial) restored(ctx context.Context) (found, failed, again int64, err error) {
	entries, err := t.archive.List(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	path := filepath.Join(t.dir, "restored.db")
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Retention: sqlite.KeepAll})
	if err != nil {
		return 0, 0, 0, err
	}
	done, err := t.archive.Restore(ctx, store, names)
	if err = errors.Join(err, store.Close()); err != nil {
		return 0, 0, 0, err
	}
	db, err := query.Open(ctx, path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer db.Close()
	table, err := db.SQL(ctx, "SELECT count(*), total(status = 'ERR') FROM process_trace", 1)
	if err != nil {
		return 0, 0, 0, err
	}
	var bad float64
	if _, err := fmt.Sscan(fmt.Sprint(table.Rows[0]...), &found, &bad); err != nil {
		return 0, 0, 0, err
	}
	return found, int64(bad), done.Calls - found, nil
}
