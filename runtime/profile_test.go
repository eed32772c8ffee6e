package runtime_test

import (
	"bytes"
	"context"
	goruntime "runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// Labels of the user's are those of its goroutines and of those that they start, whatever
// is recorded meanwhile, and a CPU profile of recorded calls can be taken.
func TestProfileAndLabels(t *testing.T) {
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Skip("somebody takes a profile already")
	}
	outer, inner := newKey(), newKey()
	labels := func() string {
		var text bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&text, 1)
		return text.String()
	}
	const want = `# labels: {"tenant":"acme"}`
	calls := 0
	r := recording(t, monitor.Options{}, func() {
		pprof.Do(context.Background(), pprof.Labels("tenant", "acme"), func(ctx context.Context) {
			record(outer, "", 1, func() error {
				for ; calls < 20_000; calls++ {
					record(inner, "", calls, nothing)
				}
				if got := labels(); strings.Count(got, want) != 1 {
					t.Errorf("within a recorded call:\n%s", got)
				}
				started := make(chan string)
				monitor.Go(func() { started <- labels() })
				if got := <-started; !strings.Contains(got, want) {
					t.Errorf("on a goroutine that it started:\n%s", got)
				}
				return nil
			})
			if tenant, ok := pprof.Label(ctx, "tenant"); !ok || tenant != "acme" {
				t.Errorf("the context's label is %q", tenant)
			}
		})
		// The goroutine that was started has said its last word but may not be gone.
		got := labels()
		for until := time.Now().Add(10 * time.Second); strings.Contains(got, want) && time.Now().Before(until); got = labels() {
			goruntime.Gosched()
		}
		if strings.Contains(got, want) {
			t.Errorf("afterwards:\n%s", got)
		}
	})
	pprof.StopCPUProfile()
	if profile.Len() == 0 {
		t.Error("the profile is empty")
	}
	if n := len(r.of(inner)); n != calls {
		t.Errorf("%d calls of %d are recorded", n, calls)
	}
}
