package browsertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// speedscope is a viewer of others that parses the Trace Event Format, which
// Perfetto reads, and profiles of pprof: both exports open in it, and it finds
// the functions in them.
func TestExportsOpenElsewhere(t *testing.T) {
	const viewer = "../web/node_modules/speedscope/dist/release"
	if _, err := os.Stat(filepath.Join(viewer, "index.html")); err != nil {
		t.Skip("speedscope is not installed: scripts/web does it")
	}
	var funcs struct{ Rows []struct{ Process string } }
	must(t, GetJSON(desk.URL+"/api/v1/funcs?run=1", &funcs))
	if len(funcs.Rows) < 10 {
		t.Fatalf("the example has %d functions in its first run", len(funcs.Rows))
	}
	var names []string
	for _, fn := range funcs.Rows {
		names = append(names, fn.Process)
	}
	pages := http.NewServeMux()
	pages.Handle("/", http.FileServer(http.Dir(viewer)))
	pages.HandleFunc("/exported/{format}", func(w http.ResponseWriter, r *http.Request) {
		resp, err := http.Get(desk.URL + "/api/v1/export?run=1&format=" + r.PathValue("format"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	for format, shown := range map[string][]string{
		"perfetto": {"run 1: desk", "/" + itoa(goroutines(t)) + ")", "desk.(*desk).runMarkets"},
		"pprof":    names,
	} {
		tab := newTab(t, server.URL)
		must(t, tab.Open("/#profileURL=/exported/"+format))
		must(t, tab.WaitText("Sandwich"))
		must(t, tab.Press("3")) // the table of functions
		for _, text := range shown {
			must(t, tab.WaitText(text))
		}
	}
}

// goroutines is how many tracks the timeline of the example's first run has.
func goroutines(t *testing.T) int {
	t.Helper()
	timeline := get[struct{ TraceEvents []struct{ Ph, Name string } }](t, desk.URL+"/api/v1/export?run=1&format=perfetto")
	n := 0
	for _, e := range timeline.TraceEvents {
		if e.Ph == "M" && e.Name == "thread_name" {
			n++
		}
	}
	if n < 2 {
		t.Fatalf("%d goroutines", n)
	}
	return n
}
