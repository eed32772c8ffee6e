//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// collectorConfig has no queue: what the Collector has acknowledged Jaeger has. With
// its default, a queue in memory, a kill would lose what it had acknowledged.
const collectorConfig = `receivers:
  otlp: {protocols: {http: {endpoint: %s}}}
exporters:
  otlphttp: {endpoint: "http://%s", sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [otlphttp]}}
  telemetry: {metrics: {level: none}, logs: {level: error}}
`

const jaegerConfig = `extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000000}}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: %s}
    grpc: {endpoint: %s}
receivers:
  otlp: {protocols: {http: {endpoint: %s}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}, logs: {level: error}}
`

// collector is an OpenTelemetry Collector, which is killed, in front of a Jaeger,
// which is not: that one keeps spans in memory.
type collector struct {
	in, config string
	program    string
	process    *exec.Cmd
	jaeger     jaeger
}

// startCollector builds both where they are not built yet, and starts them in dir.
func startCollector(ctx context.Context, dir string) (*collector, error) {
	program, err := collectorProgram(ctx)
	if err != nil {
		return nil, err
	}
	viewer, err := jaegerProgram(ctx)
	if err != nil {
		return nil, err
	}
	var at [4]string
	for i := range at {
		if at[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	c := &collector{program: program, in: at[0], config: filepath.Join(dir, "collector.yaml"), jaeger: jaeger{query: at[1]}}
	config := filepath.Join(dir, "jaeger.yaml")
	if err := errors.Join(
		os.WriteFile(c.config, fmt.Appendf(nil, collectorConfig, c.in, at[3]), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, jaegerConfig, at[1], at[2], at[3]), 0o600),
	); err != nil {
		return nil, err
	}
	if c.jaeger.process, err = startProcess(viewer, "--config", config); err != nil {
		return nil, err
	}
	if err = errors.Join(answers(ctx, at[1]), answers(ctx, at[3])); err == nil {
		err = c.Start(ctx)
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// stop ends both.
func (c *collector) stop() {
	c.Kill()
	killProcess(c.jaeger.process)
}

func (*collector) name() string { return "Collector" }
func (*collector) Version(context.Context) (string, error) {
	return collectorVersion + ", Jaeger " + jaegerVersion, nil
}
func (c *collector) URL() string { return "otlp+http://" + c.in }

func (c *collector) Kill() {
	killProcess(c.process)
	c.process = nil
}

func (c *collector) Start(ctx context.Context) (err error) {
	if c.process, err = startProcess(c.program, "--config", c.config); err != nil {
		return err
	}
	return answers(ctx, c.in)
}

func (c *collector) count(ctx context.Context) (calls, failed, again int64, exact bool, err error) {
	traces, err := c.jaeger.traces(ctx, "victim")
	if err != nil {
		return 0, 0, 0, false, err
	}
	seen := map[string]bool{}
	for _, t := range traces {
		for _, s := range t.Spans {
			if seen[s.TraceID+s.SpanID] {
				again++
				continue
			}
			seen[s.TraceID+s.SpanID] = true
			if s.tag("otel.status_code") == "ERROR" {
				failed++
			}
		}
	}
	return int64(len(seen)), failed, again, false, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func startProcess(program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd, cmd.Start()
}

// killProcess ends one at once, as kill -9 does.
func killProcess(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		cmd.Process.Kill()
		cmd.Wait() // it was killed: that is what it says
	}
}

// answers waits until somebody listens at an address.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
