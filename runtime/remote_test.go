package runtime_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

const (
	remoteTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	remoteSpan  = "00f067aa0ba902b7"
	fromRemote  = "00-" + remoteTrace + "-" + remoteSpan
)

func TestFromTraceparent(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   string // its Traceparent; empty: it is none
	}{
		{fromRemote + "-01", fromRemote + "-01"},
		{fromRemote + "-00", fromRemote + "-00"},
		{fromRemote + "-ff", fromRemote + "-01"}, // flags of a later version
		{"cc" + fromRemote[2:] + "-01-more", fromRemote + "-01"},
		{"cc" + fromRemote[2:] + "-01", fromRemote + "-01"},
		{fromRemote + "-01-more", ""},
		{"cc" + fromRemote[2:] + "-01more", ""},
		{"ff" + fromRemote[2:] + "-01", ""},
		{"", ""},
		{fromRemote, ""},
		{strings.ToUpper(fromRemote) + "-01", ""},
		{"00-" + strings.Repeat("0", 32) + "-" + remoteSpan + "-01", ""},
		{"00-" + remoteTrace + "-" + strings.Repeat("0", 16) + "-01", ""},
		{"00-" + remoteTrace[1:] + "g-" + remoteSpan + "-01", ""},
		{"00_" + remoteTrace + "-" + remoteSpan + "-01", ""},
		{"00-" + remoteTrace + "-" + remoteSpan + "-0x", ""},
	} {
		o, ok := monitor.FromTraceparent(tt.header)
		if got := o.Traceparent(); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.header, got, ok, tt.want)
		}
	}
}

// A trace that another process keeps is kept here, whatever samples say; one that
// it leaves out is left out, but for calls that fail.
func TestRemoteSampling(t *testing.T) {
	const calls = 100
	for _, tt := range []struct {
		flag, options string
		want          int
	}{{"-01", "sample=0", calls}, {"-01", "rate=1/s", calls}, {"-01", "", calls}, {"-00", "", 0}, {"-00", "sample=1", 0}} {
		t.Run(tt.flag+tt.options, func(t *testing.T) {
			key, inner, failing := newKey(), newKey(), newKey()
			r := recording(t, monitor.Options{}, func() {
				for i := 0; i < calls; i++ {
					o, _ := monitor.FromTraceparent(fromRemote + tt.flag)
					func() {
						defer o.Join().Leave()
						record(key, tt.options, i, func() error {
							if here := monitor.Here().Traceparent(); !strings.HasPrefix(here, "00-"+remoteTrace) || !strings.HasSuffix(here, tt.flag) {
								t.Errorf("the call is known elsewhere as %s", here)
							}
							record(failing, tt.options, i, func() error { return errNegative })
							return record(inner, "sample=0", i, nothing)
						})
					}()
				}
				record(key, "", 0, nothing) // nobody's, after Leave
			})
			// The last call is as its function's directive says: without options it is kept.
			alone := 1
			if tt.options == "sample=0" {
				alone = 0
			}
			if n := len(r.of(key)); n != tt.want+alone && !(tt.options == "rate=1/s" && n == tt.want) {
				t.Errorf("%d calls, want %d", n, tt.want+alone)
			}
			if n := len(r.of(inner)); n != tt.want {
				t.Errorf("%d inner calls, want %d", n, tt.want)
			}
			if n := len(r.of(failing)); n != calls {
				t.Errorf("%d failed calls, want %d", n, calls)
			}
		})
	}
}

// Every record of the trace has its id; the outermost ones have the other
// process's span as parent, others the call that they have here.
func TestRemoteRecords(t *testing.T) {
	outer, inner, spawned, alone := newKey(), newKey(), newKey(), newKey()
	var told string
	r := recording(t, monitor.Options{}, func() {
		o, _ := monitor.FromTraceparent(fromRemote + "-01")
		joined := o.Join()
		record(outer, "", 1, func() error {
			done := make(chan bool)
			go start(monitor.Here(), func() {
				record(spawned, "", 1, nothing)
				close(done)
			})
			<-done
			return record(inner, "", 1, func() error { return errNegative })
		})
		joined.Leave()
		record(alone, "", 1, func() error {
			told = monitor.Here().Traceparent()
			return nil
		})
	})
	none := strings.Repeat("0", 16)
	for key, want := range map[uint64]string{outer: remoteTrace + " " + remoteSpan, inner: remoteTrace + " " + none, spawned: remoteTrace + " " + none, alone: ""} {
		if got := r.one(t, key).remote; got != want {
			t.Errorf("%d: %q, want %q", key, got, want)
		}
	}
	if p := r.one(t, outer); p.parent != 0 || r.one(t, inner).parent != p.id || r.one(t, spawned).parent != p.id {
		t.Errorf("the calls do not hang under %+v", p)
	}
	// What begins here is known elsewhere by the ids that stores give it.
	c := r.one(t, alone)
	if want := fmt.Sprintf("00-%s%016x-%016x-01", r.info["id"][0][:16], c.trace, c.id); told != want {
		t.Errorf("told %s, want %s", told, want)
	}
	if _, err := hex.DecodeString(r.info["id"][0]); err != nil {
		t.Error(err)
	}
}

// What came in by one protocol goes out by another, whoever calls that.
func TestRemoteHeaders(t *testing.T) {
	const parent, state = fromRemote + "-01", "vendor=1"
	recording(t, monitor.Options{}, func() {
		ctx, joined := monitor.JoinRemote(context.Background(), parent, state)
		if gotParent, gotState := monitor.RemoteHeaders(ctx); gotParent != parent || gotState != state {
			t.Errorf("%q and %q", gotParent, gotState)
		}
		joined.Leave()
		next, joined := monitor.JoinRemote(ctx, fromRemote+"-00", "")
		joined.Leave()
		if gotParent, gotState := monitor.RemoteHeaders(next); gotParent != fromRemote+"-00" || gotState != "" {
			t.Errorf("of another trace %q and %q", gotParent, gotState)
		}
		if gotParent, gotState := monitor.RemoteHeaders(ctx); gotParent != parent || gotState != state {
			t.Errorf("by the context alone %q and %q", gotParent, gotState)
		}
		same, joined := monitor.JoinRemote(context.Background(), "nonsense", state)
		joined.Leave()
		if gotParent, gotState := monitor.RemoteHeaders(same); same != context.Background() || gotParent != "" || gotState != "" {
			t.Errorf("of nonsense %q and %q", gotParent, gotState)
		}
	})
}
