package main

import (
	"context"
	"os"
	"os/exec"
)

// runDashboard runs the measurement that needs a browser: it is in the module
// that requires one.
func runDashboard(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./goals"}, args...)...)
	cmd.Dir = "dashboard/browsertest"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd.Run()
}
