package runtime_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The package is compiled into modules of the language of Go 1.20, and the
// inserted code relies on what is inlined.
func TestCompiler(t *testing.T) {
	if testing.Short() || portable {
		t.Skip("compiles the package")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, pkg := range []string{"../internal/wire", "."} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-gcflags=-lang=go1.20", pkg).CombinedOutput(); err != nil {
			t.Errorf("%s as Go 1.20: %v\n%s", pkg, err, out)
		}
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, function := range []string{"Off", "lookup", "Call.Open"} {
		if !strings.Contains(string(out), "can inline "+function+"\n") {
			t.Errorf("%s is not inlined", function)
		}
	}
}

// Other platforms are compiled as well.
func TestPlatforms(t *testing.T) {
	if testing.Short() || portable {
		t.Skip("compiles the package many times")
	}
	for _, platform := range []string{"linux/arm64", "linux/386", "windows/amd64", "darwin/arm64", "freebsd/amd64"} {
		system, arch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "build", ".")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", platform, err, out)
		}
	}
}
