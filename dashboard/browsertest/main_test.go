package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What all tests share: building, recording and starting a browser take longer
// than most tests.
var (
	tool    *Tool
	desk    *Server // the example, recorded twice
	browser context.Context
	deskDB  string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if errors.Is(err, ErrNoChromium) {
		fmt.Println("skipped: no browser test ran:", err)
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx := context.Background()
	var end context.CancelFunc
	var err error
	if browser, end, err = Chromium(ctx); err != nil {
		return 0, err
	}
	defer end()
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if tool, err = Build(dir); err != nil {
		return 0, err
	}
	deskDB = filepath.Join(dir, "desk.db")
	for _, rounds := range []string{"3", "6"} {
		if err := tool.Record(ctx, deskDB, "./examples/desk", "-rounds", rounds); err != nil {
			return 0, err
		}
	}
	if err := WriteRules(dir); err != nil {
		return 0, err
	}
	if desk, err = tool.Serve(ctx, deskDB); err != nil {
		return 0, err
	}
	defer desk.Close()
	return m.Run(), nil
}

// newTab opens a tab that fails the test for what goes wrong in its pages.
func newTab(t *testing.T, server string) *Tab {
	t.Helper()
	tab, end, err := NewTab(browser, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range tab.Problems() {
			t.Errorf("the page complained: %s", p)
		}
		for _, f := range tab.Foreign() {
			t.Errorf("the page asked for %s", f)
		}
		end()
	})
	return tab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deskPages(t *testing.T) []Page {
	t.Helper()
	pages, err := Desk(desk.URL)
	must(t, err)
	return pages
}

// until asks until there is no error any more.
func until(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func get[T any](t *testing.T, address string) T {
	t.Helper()
	var answer T
	must(t, GetJSON(address, &answer))
	return answer
}
