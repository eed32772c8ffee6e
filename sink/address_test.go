//go:build unix

package sink_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

const canary = "canary%2Fpass"

func TestAddressHidesCredentials(t *testing.T) {
	a, err := sink.ParseAddress("postgres://me:" + canary + "@db.example:5432/calls?sslpassword=other-canary")
	if err != nil {
		t.Fatal(err)
	}
	if got := a.String(); got != "postgres://db.example:5432/calls" {
		t.Errorf("shown as %s", got)
	}
	hidden := a.Hide(errors.New("no such user me with canary/pass, " + canary + " or other-canary"))
	if text := hidden.Error(); strings.Contains(text, "canary") {
		t.Errorf("the error says %s", text)
	}
	if other := errors.New("refused"); a.Hide(other) != other {
		t.Error("an error without credentials is another now")
	}
}

func TestOpenStoreErrors(t *testing.T) {
	sink.Register("known", func(*sink.Address) (sink.Store, error) { return nil, errors.New("not canary/pass") })
	for _, c := range []struct{ url, want string }{
		{"me:" + canary + "@host", "a store is named by a URL"},
		{"://me:" + canary, "a store is named by a URL"},
		{"postgres://me:canary%zz@host", "a store is named by a URL"},
		{"oracle://me:" + canary + "@host/x", "oracle://host/x: no store for oracle://; there are clickhouse://, otlp+http://"},
		{"known://me:" + canary + "@host/x", "not ***"},
	} {
		_, err := sink.OpenStores(c.url)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %s", c.url, err, c.want)
		}
	}
}

// A store whose package comes later is waited for, and one that does not come is named.
func TestLateStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := sink.OpenStore("postgres://me:" + canary + "@host/x")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = store.Run(t.Context(), &spool.Info{})
		if want := `postgres://host/x: the store is not linked into this program: import _ "github.com/monitorgen/monitorgen/sink/postgres"`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		come := &memory{}
		time.AfterFunc(10*time.Millisecond, func() {
			sink.Register("otlp+http", func(*sink.Address) (sink.Store, error) { return come, nil })
		})
		if store, err = sink.OpenStore("otlp+http://localhost"); err == nil {
			_, _, err = store.Run(t.Context(), &spool.Info{})
		}
		if err != nil || len(come.runs) != 1 {
			t.Errorf("%d runs, %v", len(come.runs), err)
		}
	})
}

func TestLoopback(t *testing.T) {
	for url, want := range map[string]bool{
		"x://localhost:1": true, "x://127.0.0.2": true, "x://[::1]:9": true,
		"x://localhost.example": false, "x://10.0.0.1": false, "x://collector": false,
	} {
		a, err := sink.ParseAddress(url)
		if err != nil || a.Loopback() != want {
			t.Errorf("%s: %v, want %v (%v)", url, a.Loopback(), want, err)
		}
	}
}
