package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// TestAlerts lets a rule fire, end and be tested against a webhook that fails at
// first.
func TestAlerts(t *testing.T) {
	var asked atomic.Int64
	taken := make(chan map[string]any, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var m map[string]any
		json.NewDecoder(r.Body).Decode(&m)
		taken <- m
	}))
	defer hook.Close()
	file := filepath.Join(t.TempDir(), "monitor-alerts.json")
	f := newFixture(t, Options{AlertFile: file, URL: "http://127.0.0.1:7788/"})
	l := listenTo(t, f)
	l.send(`{"op":"sub","ch":"alerts"}`)
	l.subscribed()

	for body, field := range map[string]string{
		`{"name":"","measure":"p95","threshold":"1ms"}`:                      "name",
		`{"name":"x","measure":"p59","threshold":"1ms"}`:                     "measure",
		`{"name":"x","measure":"p95","threshold":"1"}`:                       "threshold",
		`{"name":"x","measure":"error_rate","threshold":"500%"}`:             "threshold",
		`{"name":"x","measure":"p95","threshold":"1ms","window":"1ns"}`:      "window",
		`{"name":"x","measure":"p95","threshold":"1ms","webhook":"file:/x"}`: "webhook",
	} {
		status, _, text := f.do("POST", "/api/v1/alerts/rules", body)
		if status != 400 || !strings.Contains(text, `"parameter":"`+field+`"`) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	status, _, text := f.do("POST", "/api/v1/alerts/rules", `{"name":"prices stand still","func":"Price","measure":"stale","threshold":"2","webhook":"`+hook.URL+`"}`)
	if status != 201 {
		t.Fatalf("%d %s", status, text)
	}
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), `"name": "prices stand still"`) {
		t.Fatalf("the file has %s: %v", data, err)
	}
	now := time.Now().UnixNano()
	calls := func(first uint64, results ...string) (all []spool.Call) {
		for i, r := range results {
			id := first + uint64(i)
			all = append(all, spool.Call{Function: price, ID: id, Trace: id, Goroutine: 1, Start: now + int64(id), Duration: 1, Data: "[1,2," + r + "]"})
		}
		return all
	}
	f.write(2, calls(1, "7", "7", "7"), false)
	if m := l.next("alert"); m.Rule != "prices stand still" || m.State != "firing" {
		t.Fatalf("got %+v", m)
	}
	if m := <-taken; m["state"] != "firing" || m["call"] != "2:3" || m["process"] != "desk.Price" {
		t.Errorf("the webhook got %v", m)
	}
	f.write(2, calls(4, "8"), false)
	if m := l.next("alert"); m.State != "ok" {
		t.Fatalf("got %+v", m)
	}
	if m := <-taken; m["state"] != "ok" {
		t.Errorf("the webhook got %v", m)
	}
	if status, _, text := f.do("POST", "/api/v1/alerts/rules/prices%20stand%20still/test", "{}"); status != 200 || !strings.Contains(text, `"sent":true,"status":200`) {
		t.Errorf("test: %d %s", status, text)
	}
	if m := <-taken; m["state"] != "test" {
		t.Errorf("the webhook got %v", m)
	}
	_, _, text = f.do("GET", "/api/v1/alerts", "")
	for _, want := range []string{`"state":"ok"`, `"state":"firing"`, `"file":"monitor-alerts.json"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if status, _, text := f.do("GET", "/api/v1/alerts/history?limit=1", ""); status != 200 || !strings.Contains(text, `"next":"2"`) {
		t.Errorf("history: %d %s", status, text)
	}

	// Somebody edits the file.
	if err := os.WriteFile(file, []byte(`{"rules":[{"name":"x","measure":"calls","threshold":"many"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, text := f.do("GET", "/api/v1/alerts", ""); strings.Contains(text, `want a number, not \"many\"`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if status, _, _ := f.do("DELETE", "/api/v1/alerts/rules/prices%20stand%20still", ""); status != 409 {
		t.Errorf("a file that somebody broke was overwritten: %d", status)
	}
	os.Remove(file)
	if status, _, _ := f.do("DELETE", "/api/v1/alerts/rules/none", ""); status != 404 {
		t.Errorf("no such rule: %d", status)
	}
	if status, _, _ := newFixture(t, Options{}).do("GET", "/api/v1/alerts", ""); status != 409 {
		t.Errorf("without rules: %d", status)
	}
}
