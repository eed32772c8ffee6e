package dashboard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

const token = "a-token-of-many-characters"

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

// TestWhoMayAsk is a table of requests that are refused, and of those beside them
// that are not.
func TestWhoMayAsk(t *testing.T) {
	open, closed := newFixture(t, Options{Hosts: []string{"proxy.example"}}), newFixture(t, Options{Token: token, Host: "192.0.2.7"})
	const sql = `{"sql":"SELECT 1"}`
	upgrade := func(r *http.Request) {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
	}
	for _, c := range []struct {
		name, method, target, body string
		server                     *fixture
		status                     int
		change                     []func(*http.Request)
	}{
		{"a loopback name", "GET", "/api/v1/health", "", open, 200, []func(*http.Request){host("localhost:1")}},
		{"an IPv6 address", "GET", "/api/v1/health", "", open, 200, []func(*http.Request){host("[::1]:7788")}},
		{"a host that is allowed", "GET", "/api/v1/health", "", open, 200, []func(*http.Request){host("PROXY.example")}},
		{"a foreign host", "GET", "/api/v1/health", "", open, 403, []func(*http.Request){host("evil.example:7788")}},
		{"a foreign host on a page", "GET", "/", "", open, 403, []func(*http.Request){host("evil.example")}},
		{"a host that ends like ours", "GET", "/", "", open, 403, []func(*http.Request){host("notlocalhost")}},
		{"no host", "GET", "/", "", open, 403, []func(*http.Request){host("")}},

		{"a statement", "POST", "/api/v1/sql", sql, open, 200, nil},
		{"a statement from our page", "POST", "/api/v1/sql", sql, open, 200, []func(*http.Request){header("Origin", "http://127.0.0.1:7788"), header("Sec-Fetch-Site", "same-origin")}},
		{"a statement from another site", "POST", "/api/v1/sql", sql, open, 403, []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}},
		{"a statement from another port", "POST", "/api/v1/sql", sql, open, 403, []func(*http.Request){header("Origin", "http://127.0.0.1:9999")}},
		{"a form", "POST", "/api/v1/sql", sql, open, 415, []func(*http.Request){header("Content-Type", "text/plain")}},
		{"a rule deleted from another site", "DELETE", "/api/v1/alerts/rules/x", "", open, 403, []func(*http.Request){header("Sec-Fetch-Site", "same-site")}},

		{"no token", "GET", "/api/v1/health", "", closed, 401, nil},
		{"no token on a page", "GET", "/calls", "", closed, 401, nil},
		{"a wrong token", "GET", "/api/v1/health?token=wrong", "", closed, 401, nil},
		{"a wrong bearer", "GET", "/api/v1/health", "", closed, 401, []func(*http.Request){header("Authorization", "Bearer "+token+"x")}},
		{"the bearer", "GET", "/api/v1/health", "", closed, 200, []func(*http.Request){header("Authorization", "Bearer "+token)}},
		{"the token as a cookie", "GET", "/api/v1/health", "", closed, 401, []func(*http.Request){header("Cookie", "monitorgen="+token)}},
		{"the token in the URL of a change", "POST", "/api/v1/sql?token=" + token, sql, closed, 401, nil},
		{"the token in the URL of an upgrade", "GET", "/api/v1/live?token=" + token, "", closed, 401, []func(*http.Request){upgrade}},
		{"the token and a foreign host", "GET", "/?token=" + token, "", closed, 403, []func(*http.Request){host("evil.example")}},

		{"an upgrade from a foreign page", "GET", "/api/v1/live", "", open, 403, []func(*http.Request){upgrade, header("Origin", "http://evil.example")}},
		{"an upgrade from another port", "GET", "/api/v1/live", "", open, 403, []func(*http.Request){upgrade, header("Origin", "http://127.0.0.1:1")}},
		{"an upgrade from another scheme", "GET", "/api/v1/live", "", open, 403, []func(*http.Request){upgrade, header("Origin", "https://127.0.0.1:7788")}},
		{"an upgrade from a sandbox", "GET", "/api/v1/live", "", open, 403, []func(*http.Request){upgrade, header("Origin", "null")}},
		{"a wrong method", "DELETE", "/api/v1/calls", "", open, 405, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, header, text := c.server.do(c.method, c.target, c.body, c.change...)
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, text)
			}
			if !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'self';") || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", header)
			}
			if strings.Contains(text, token) {
				t.Errorf("the answer has the token: %s", text)
			}
		})
	}
}

func TestTokenIsSwappedForACookie(t *testing.T) {
	f := newFixture(t, Options{Token: token})
	for target, want := range map[string]string{
		"/calls?q=err&token=" + token:        "/calls?q=err",
		"/?token=" + token:                   "/",
		"//evil.example/x?token=" + token:    "/evil.example/x",
		"/%5cevil.example/x?token=" + token:  "/evil.example/x",
		"/%2f%2fevil.example?token=" + token: "/evil.example",
	} {
		status, header, _ := f.do("GET", target, "")
		if status != http.StatusSeeOther || header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want %q", target, status, header.Get("Location"), want)
		}
		cookie, err := http.ParseSetCookie(header.Get("Set-Cookie"))
		if err != nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || strings.Contains(cookie.Value, token) {
			t.Fatalf("cookie %v: %v", cookie, err)
		}
		if status, _, _ := f.do("GET", "/api/v1/health", "", func(r *http.Request) { r.AddCookie(cookie) }); status != 200 {
			t.Errorf("with the cookie: %d", status)
		}
	}
}

// TestHostileInput: SQL in filters, paths that climb, numbers out of range.
func TestHostileInput(t *testing.T) {
	f := newFixture(t, Options{})
	for _, target := range []string{
		`/calls?q=%22'+OR+1=1;DROP+TABLE+monitor_runs;--%22`,
		`/calls?q=fn:%22x')+OR+1=1--%22`,
		`/calls?q=arg.a')=1`,
		`/calls?q=arg.order.%27%29+=1`,
		`/calls?q=session:%22'+OR+''='%22`,
		`/calls?run=1+OR+1=1`,
		`/calls?from=0)+OR+(1`,
		`/calls?q=err~%25%25%25%25%25%25`,
		`/calls?cursor=a0.1.1;DROP.1`,
		`/funcs/1;DROP/source`,
		`/funcs/%2e%2e%2f%2e%2e%2fetc%2fpasswd/source`,
		`/errors/'--`,
		`/graph?focus='--`,
		`/export?format=csv&q=%22'--%22`,
	} {
		status, _, text := f.do("GET", "/api/v1"+target, "")
		if status != 200 && status != 400 && status != 404 || strings.Contains(text, "SQL") || strings.Contains(text, "syntax") {
			t.Errorf("%s: %d %s", target, status, text)
		}
		if status == 200 && strings.Contains(text, `"call":"1:1"`) && !strings.Contains(target, "err~") && !strings.Contains(target, "graph") {
			t.Errorf("%s took calls: %s", target, text)
		}
	}
	for _, statement := range []string{"DROP TABLE monitor_runs", "SELECT 1; DELETE FROM monitor_runs", "ATTACH 'x' AS x", "PRAGMA writable_schema=1", "SELECT load_extension('x')", "WITH x AS (SELECT 1) DELETE FROM monitor_runs"} {
		if status, _, text := f.do("POST", "/api/v1/sql", `{"sql":"`+statement+`"}`); status != 422 {
			t.Errorf("%s: %d %s", statement, status, text)
		}
	}
	if status, _, text := f.do("GET", "/api/v1/health", ""); status != 200 || !strings.Contains(text, `"calls":4`) {
		t.Errorf("afterwards: %d %s", status, text)
	}
	if status, _, _ := f.do("POST", "/api/v1/sql", `{"sql":"`+strings.Repeat("x", maxBody)+`"}`); status != 413 {
		t.Errorf("a body of a megabyte: %d, want 413", status)
	}
}

// TestEndlessStatement: one that does not end is ended.
func TestEndlessStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the bound of a statement")
	}
	f := newFixture(t, Options{})
	status, _, text := f.do("POST", "/api/v1/sql", `{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"}`)
	if status != http.StatusGatewayTimeout {
		t.Errorf("%d %s", status, text)
	}
}

func TestForeignPageCannotListen(t *testing.T) {
	f := newFixture(t, Options{})
	server := httptest.NewServer(f.server)
	defer server.Close()
	dial := func(origin string) error {
		conn, answer, err := websocket.Dial(t.Context(), server.URL+"/api/v1/live", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil {
			conn.CloseNow()
		} else if answer != nil && answer.StatusCode != 403 {
			t.Errorf("origin %s: status %d", origin, answer.StatusCode)
		}
		return err
	}
	if err := dial(server.URL); err != nil {
		t.Errorf("our own page: %v", err)
	}
	if dial("http://evil.example") == nil {
		t.Error("a foreign page listens")
	}
}
