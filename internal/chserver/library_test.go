//go:build unix

package chserver

import (
	"errors"
	"strings"
	"testing"
)

// What this host has not is said, with what would bring it.
func TestNone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, server := New(t.Context(), t.TempDir(), "x")
	_, embedded := NewEmbedded(t.Context(), t.TempDir())
	for what, err := range map[string]error{"apt-get install clickhouse-server": server, "scripts/engines brings it": embedded, "chdb's library": Install(t.Context())} {
		if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want that it is not here, and %s", err, what)
		}
	}
}
