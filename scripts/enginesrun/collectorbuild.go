//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Versions of what is built.
const (
	collectorVersion = "v0.161.0"
	jaegerVersion    = "v1.76.0"
)

// collectorParts is what the Collector is built of: OTLP in, OTLP out.
const collectorParts = `dist:
  name: collector
  output_path: %s
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver ` + collectorVersion + `
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter ` + collectorVersion + `
`

// cached returns a program of the user's cache folder, which build makes in a folder
// of its own where it is not there. That takes minutes, once.
func cached(ctx context.Context, name string, build func(ctx context.Context, dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "monitorgen-engines", name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "build-") // a program can be moved from there
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "%s is not in %s: building it\n", name, filepath.Dir(path))
	if err := build(ctx, dir); err != nil {
		return "", fmt.Errorf("%w: %s does not build: %w", errNone, name, err)
	}
	return path, os.Rename(filepath.Join(dir, "bin"), path)
}

func collectorProgram(ctx context.Context) (string, error) {
	return cached(ctx, "collector-"+collectorVersion, func(ctx context.Context, dir string) error {
		config := filepath.Join(dir, "builder.yaml")
		if err := os.WriteFile(config, fmt.Appendf(nil, collectorParts, dir), 0o600); err != nil {
			return err
		}
		if err := gently(ctx, dir, "go", "run", "go.opentelemetry.io/collector/cmd/builder@"+collectorVersion, "--config", config); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, "collector"), filepath.Join(dir, "bin"))
	})
}

func jaegerProgram(ctx context.Context) (string, error) {
	return cached(ctx, "jaeger-"+jaegerVersion, func(ctx context.Context, dir string) error {
		for _, args := range [][]string{
			{"mod", "init", "jaeger"},
			{"get", "-tool", "github.com/jaegertracing/jaeger/cmd/jaeger@" + jaegerVersion},
			{"build", "-trimpath", "-ldflags=-s -w", "-o", "bin", "github.com/jaegertracing/jaeger/cmd/jaeger"},
		} {
			if err := gently(ctx, dir, "go", args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// gently runs a long command in a folder, behind what else the host does.
func gently(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, "nice", append([]string{name}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
	return cmd.Run()
}
