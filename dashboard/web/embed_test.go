package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	h := Handler()
	page := ask(h, http.MethodGet, "/", nil)
	script := regexp.MustCompile(`src="(/assets/[^"]+\.js)"`).FindStringSubmatch(page.Body.String())
	if script == nil {
		t.Fatalf("the page names no script:\n%s", page.Body)
	}
	for _, test := range []struct {
		method, path string
		code         int
		kind, cache  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/calls", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/traces/1:42", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/../../etc/passwd", 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/theme.js", 200, "text/javascript; charset=utf-8", "no-cache"},
		{"GET", "/favicon.svg", 200, "image/svg+xml", "no-cache"},
		{"GET", script[1], 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"HEAD", script[1], 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/gone-00000000.js", 404, "text/plain; charset=utf-8", ""},
		{"POST", "/", 405, "text/plain; charset=utf-8", ""},
	} {
		w := ask(h, test.method, test.path, nil)
		if w.Code != test.code || w.Header().Get("Content-Type") != test.kind || w.Header().Get("Cache-Control") != test.cache {
			t.Errorf("%s %s: %d %q %q, want %d %q %q", test.method, test.path,
				w.Code, w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"), test.code, test.kind, test.cache)
		}
	}
}

func TestHandlerCompressesAndRevalidates(t *testing.T) {
	h := Handler()
	plain := ask(h, http.MethodGet, "/", nil)
	zipped := ask(h, http.MethodGet, "/", map[string]string{"Accept-Encoding": "br, gzip"})
	if zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding %q", zipped.Header().Get("Content-Encoding"))
	}
	r, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != plain.Body.String() {
		t.Errorf("unzipped: %q, %v", text, err)
	}
	again := ask(h, http.MethodGet, "/", map[string]string{"If-None-Match": plain.Header().Get("ETag")})
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("revalidation: %d with %d bytes", again.Code, again.Body.Len())
	}
}

// The policy default-src 'self' forbids what the page must not hold anyway.
func TestPageHoldsNothingInline(t *testing.T) {
	page := ask(Handler(), http.MethodGet, "/", nil).Body.String()
	for _, tag := range regexp.MustCompile(`(?s)<(script|style)([^>]*)>(.*?)</`).FindAllStringSubmatch(page, -1) {
		if strings.TrimSpace(tag[3]) != "" {
			t.Errorf("inline %s: %s", tag[1], tag[3])
		}
	}
	if regexp.MustCompile(`\s(style|on\w+)=|https?://|data:`).MatchString(page) {
		t.Errorf("inline style, handler or foreign address in\n%s", page)
	}
}

func ask(h http.Handler, method, path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
