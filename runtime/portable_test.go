package runtime_test

import (
	"context"
	"os"
	"os/exec"
	goruntime "runtime"
	"testing"
	"time"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const portableVariable = "MONITORGEN_TEST_PORTABLE"

// portable is set where the recorder has to do without what it knows of Go's
// runtime, and without a bell: on other platforms, and in a process that tests that.
var portable = os.Getenv(portableVariable) != ""

func init() {
	if portable {
		monitor.UsePortable()
		monitor.UseNoBell()
	} else if goruntime.GOARCH != "amd64" && goruntime.GOARCH != "arm64" {
		portable = true
	}
}

// Where getg exists, this build's Go is one that the recorder knows.
func TestLocated(t *testing.T) {
	if portable || goruntime.GOARCH != "amd64" && goruntime.GOARCH != "arm64" {
		t.Skip("nothing to locate")
	}
	before := goruntime.NumGoroutine()
	if g, panics := monitor.Located(); !g || !panics {
		t.Errorf("goroutines %v, panics %v", g, panics)
	}
	if after := goruntime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// All tests of calls pass without it.
func TestPortable(t *testing.T) {
	if portable {
		t.Skip("this is it")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.short", "-test.run=Return|Nest|Goroutines|Panic|End|Values|Sample|Slow|Start|Error|Method|Control")
	cmd.Env = append(os.Environ(), portableVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
