package browsertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// What was recorded is shown as text, wherever it is shown.
func TestValuesAreText(t *testing.T) {
	ctx := context.Background()
	database := filepath.Join(t.TempDir(), "hostile.db")
	if out, err := tool.RecordingHere(ctx, database, "./testdata/hostile").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server, err := tool.Serve(ctx, database)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	call := get[struct{ Rows []struct{ Call string } }](t, server.URL+"/api/v1/calls?limit=1").Rows[0].Call
	fn := get[struct{ Rows []struct{ ID int } }](t, server.URL+"/api/v1/funcs").Rows[0].ID
	fingerprint := get[struct {
		Rows []struct{ Fingerprint string }
	}](t, server.URL+"/api/v1/errors").Rows[0].Fingerprint
	tab := newTab(t, server.URL)
	for _, path := range []string{
		"/", "/calls", "/calls?call=" + call, "/calls?view=values", "/traces/" + call, "/traces/" + call + "?view=waterfall", "/funcs",
		"/funcs/" + strconv.Itoa(fn), "/funcs/" + strconv.Itoa(fn) + "?tab=examples", "/errors", "/errors/" + fingerprint,
		"/sql?sql=" + url.QueryEscape("SELECT data, data_value, exception FROM data_trace"), "/graph?by=group", "/calls?q=" + url.QueryEscape(`any~"<script>"`),
	} {
		must(t, tab.Open(path))
		must(t, tab.Settled())
		must(t, tab.Wait("document.body.innerText.includes('take') || document.body.innerText.includes('hostile')"))
		owned, err := Eval[bool](tab, "'owned' in window || !!document.querySelector('main script, main img, main b, main a[href^=\"javascript:\"]')")
		must(t, err)
		if owned {
			t.Errorf("%s took a value for markup", path)
		}
	}
	must(t, tab.Open("/calls?call="+call))
	must(t, tab.WaitText("<script>window.owned = 'script'</script>"))
	must(t, tab.WaitText(`<img src=x onerror=`))
}

// A page of another site gets nothing from the dashboard and changes nothing.
func TestForeignPage(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>elsewhere</title>"))
	}))
	defer foreign.Close()
	tab, end, err := NewTab(browser, foreign.URL)
	must(t, err)
	defer end()
	must(t, tab.Open("/"))
	socket := "ws" + strings.TrimPrefix(desk.URL, "http") + "/api/v1/live"
	opened, err := Eval[string](tab, `new Promise((done) => { const s = new WebSocket(`+strconv.Quote(socket)+`); s.onopen = () => done('open'); s.onerror = () => done('refused') })`)
	must(t, err)
	if opened != "refused" {
		t.Errorf("a foreign page's WebSocket: %s", opened)
	}
	for _, ask := range []string{
		`fetch(` + strconv.Quote(desk.URL+"/api/v1/calls") + `).then((r) => r.text())`,
		`fetch(` + strconv.Quote(desk.URL+"/api/v1/sql") + `, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"sql":"SELECT 1"}'}).then((r) => r.text())`,
	} {
		got, err := Eval[string](tab, ask+`.catch(() => 'refused')`)
		must(t, err)
		if got != "refused" {
			t.Errorf("a foreign page reads %.100s", got)
		}
	}
}

// A name that resolves to this machine is not enough (DNS rebinding).
func TestForeignHost(t *testing.T) {
	ctx, end, err := Chromium(context.Background(), chromedp.Flag("host-resolver-rules", "MAP dashboard.example 127.0.0.1"))
	must(t, err)
	defer end()
	u, err := url.Parse(desk.URL)
	must(t, err)
	tab, done, err := NewTab(ctx, "http://dashboard.example:"+u.Port())
	must(t, err)
	defer done()
	for _, path := range []string{"/", "/api/v1/calls", "/assets/none.js"} {
		must(t, tab.Open(path))
		text, err := tab.Text()
		must(t, err)
		if !strings.Contains(text, "403") {
			t.Errorf("%s by a foreign name answers %.200s", path, text)
		}
	}
}

// With a token: nothing without it, and it does not stay in the address.
func TestToken(t *testing.T) {
	const token = "a-token-that-is-long-enough-0123456789"
	cmd := exec.Command(tool.path, "serve", "-token", "-addr", "127.0.0.1:0", deskDB)
	cmd.Env = append(os.Environ(), "MONITOR_TOKEN="+token)
	server, err := start(cmd)
	must(t, err)
	defer server.Close()
	base, _, _ := strings.Cut(server.URL, "/?")
	tab, end, err := NewTab(browser, base)
	must(t, err)
	defer end()
	must(t, tab.Open("/api/v1/calls"))
	if text, err := tab.Text(); err != nil || strings.Contains(text, `"rows"`) {
		t.Errorf("without the token: %.200s (%v)", text, err)
	}
	must(t, tab.Open("/calls?token="+token))
	must(t, tab.Wait("document.querySelector('[role=grid] [aria-rowindex=\"2\"] [role=gridcell]')"))
	path, err := tab.Path()
	must(t, err)
	if strings.Contains(path, "token") {
		t.Errorf("the token stays in the address: %s", path)
	}
	must(t, tab.WaitText("Live"))
}

// Neither a path nor a filter gets at what is not there to be read.
func TestTraversalAndInjection(t *testing.T) {
	tab, end, err := NewTab(browser, desk.URL)
	must(t, err)
	defer end()
	before := get[struct{ Total int }](t, desk.URL+"/api/v1/calls?limit=1").Total
	for _, path := range []string{
		"/api/v1/funcs/..%2f..%2f..%2fetc%2fpasswd/source", "/api/v1/funcs/1/source?version=../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/assets/..%2f..%2fembed.go",
	} {
		must(t, tab.Open(path))
		if text, err := tab.Text(); err != nil || strings.Contains(text, "root:") || strings.Contains(text, "package web") {
			t.Errorf("%s answers %.200s (%v)", path, text, err)
		}
	}
	for _, q := range []string{`fn:x'; DROP TABLE monitor_functions; --`, `fn:"' OR 1=1 --"`, `arg.x'=1`, `"') UNION SELECT 1 --"`} {
		must(t, tab.Open("/calls?q="+url.QueryEscape(q)))
		must(t, tab.Settled())
	}
	must(t, tab.Open("/sql?sql="+url.QueryEscape("DELETE FROM monitor_functions")))
	must(t, tab.Wait("document.querySelector('main [role=alert]')"))
	if after := get[struct{ Total int }](t, desk.URL+"/api/v1/calls?limit=1").Total; after != before {
		t.Errorf("%d calls before, %d after", before, after)
	}
}
