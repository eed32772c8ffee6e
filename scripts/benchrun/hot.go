package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// runHot builds the module in bench with the tool, so that its functions are
// recorded, and runs it.
func runHot(ctx context.Context, args []string) error {
	dir, err := os.MkdirTemp("", "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool, program := filepath.Join(dir, "monitorgen"), filepath.Join(dir, "hot")
	if err := execute(ctx, ".", "go", "build", "-o", tool, "./cmd/monitorgen"); err != nil {
		return err
	}
	if err := execute(ctx, "bench", tool, "build", "-exclude", "/inplace", "-o", program, "."); err != nil {
		return err
	}
	return execute(ctx, ".", program, args...)
}

func execute(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	return cmd.Run()
}
