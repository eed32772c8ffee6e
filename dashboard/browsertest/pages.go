package browsertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// Page is a view that tests visit and pictures show.
type Page struct {
	Name string
	Path string
	Says string // text that is there once its data is
}

// Desk are the views of a database recorded by examples/desk; ids are looked up
// through the API.
func Desk(server string) ([]Page, error) {
	type call struct{ Call, Trace string }
	find := func(q, sort string) (call, error) {
		var answer struct{ Rows []call }
		if err := GetJSON(server+"/api/v1/calls?limit=1&sort="+sort+"&q="+url.QueryEscape(q), &answer); err != nil {
			return call{}, err
		}
		if len(answer.Rows) == 0 {
			return call{}, fmt.Errorf("no call fits %q", q)
		}
		return answer.Rows[0], nil
	}
	failed, err := find("fn:submit status:err", "-duration")
	if err != nil {
		return nil, err
	}
	var funcs struct {
		Rows []struct {
			ID      int
			Process string
		}
	}
	if err := GetJSON(server+"/api/v1/funcs?q=fn:submit", &funcs); err != nil {
		return nil, err
	}
	var errs struct {
		Rows []struct{ Fingerprint string }
	}
	if err := GetJSON(server+"/api/v1/errors?sort=-count", &errs); err != nil {
		return nil, err
	}
	if len(funcs.Rows) == 0 || len(errs.Rows) == 0 {
		return nil, fmt.Errorf("%d functions named submit, %d groups of errors", len(funcs.Rows), len(errs.Rows))
	}
	submit := fmt.Sprintf("/funcs/%d", funcs.Rows[0].ID)
	trace := "/traces/" + failed.Trace
	return []Page{
		{"overview", "/", "desk.orders"},
		{"calls", "/calls?q=" + url.QueryEscape("-group:desk.book") + "&call=" + failed.Call, "desk.(*desk)"},
		{"values", "/calls?view=values&q=" + url.QueryEscape("group:desk.orders"), "INPUT"},
		{"trace", trace + "?focus=" + failed.Call, "trading_day"},
		{"waterfall", trace + "?view=waterfall&focus=" + failed.Call, "trading_day"},
		{"flame", trace + "?view=flame&by=goroutine", "Whole trace"},
		{"functions", "/funcs", "desk.(*desk).submit"},
		{"function", submit, "//monitor:trace"},
		{"latency", submit + "?tab=latency", "Histogram"},
		{"callers", submit + "?tab=callers", "Called by"},
		{"examples", submit + "?tab=examples", "Slowest"},
		{"graph", "/graph", "desk.(*desk).submit"},
		{"errors", "/errors", "limit"},
		{"error", "/errors/" + errs.Rows[0].Fingerprint, "What they were called with"},
		{"compare", "/compare", "Δ p95"},
		{"alerts", "/alerts", "orders fail"},
		{"sql", "/sql?sql=" + url.QueryEscape("SELECT process, count(*) AS calls, sum(status = 'ERR') AS errors, round(avg(duration_ms), 4) AS mean_ms\nFROM process_trace GROUP BY process ORDER BY calls DESC"), "mean_ms"},
		{"runs", "/runs", "desk"},
		{"settings", "/settings", "Colours"},
	}, nil
}

// WriteRules writes rules of alerts for a database of examples/desk in the folder:
// one that fires, one that rests, one of a value that stands still.
func WriteRules(folder string) error {
	return os.WriteFile(filepath.Join(folder, "monitor-alerts.json"), []byte(`{"rules":[
	{"name":"orders fail","group":"desk.orders","measure":"error_rate","op":">","threshold":"5%","window":"1h"},
	{"name":"slow risk","func":"desk.(*desk).risk","measure":"p95","op":">","threshold":"10ms","window":"1m","disabled":true},
	{"name":"price stands still","func":"desk.(*market).spot","measure":"stale","value":"result.price","threshold":"50","window":"10m"}
]}`), 0o600)
}

// GetJSON asks the API.
func GetJSON(address string, answer any) error {
	resp, err := http.Get(address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		json.NewDecoder(resp.Body).Decode(&problem)
		return fmt.Errorf("GET %s: %s: %s", address, resp.Status, problem.Detail)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
