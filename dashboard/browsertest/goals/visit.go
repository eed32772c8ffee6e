package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/browsertest"
)

// pages opens every page of the database, whoever's it is, and prints how long
// each took until it showed its data and nothing was under way: the first time,
// and again.
func (b *bench) pages(context.Context) error {
	paths, err := b.paths()
	if err != nil {
		return err
	}
	tab, end, err := b.tab()
	if err != nil {
		return err
	}
	defer end()
	if err := tab.Open("/settings"); err != nil { // the browser's own start is not the page's
		return err
	}
	for _, path := range paths {
		var times [2]time.Duration
		for i := range times {
			begun := time.Now()
			if err := tab.Open(path); err != nil {
				return err
			}
			if err := tab.Settled(); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			times[i] = time.Since(begun)
			if alerts, err := browsertest.Eval[int](tab, "document.querySelectorAll('[role=alert]').length"); err != nil || alerts > 0 {
				text, _ := tab.Text()
				return fmt.Errorf("%s shows an error: %v\n%s", path, err, text)
			}
		}
		b.row(path, "opens", fmt.Sprintf("%d ms, again %d ms", times[0].Milliseconds(), times[1].Milliseconds()), true)
	}
	for _, p := range tab.Problems() {
		return fmt.Errorf("a page complained: %s", p)
	}
	return nil
}

// paths are the pages of the database: of its busiest function, its longest call
// and its largest group of errors where there is one for each.
func (b *bench) paths() ([]string, error) {
	paths := []string{"/", "/calls", "/calls?view=values", "/calls?sort=-duration", "/calls?q=" + url.QueryEscape("status:err"), "/calls?q=" + url.QueryEscape("dur:>1ms"),
		"/funcs", "/graph", "/graph?by=group", "/errors", "/compare", "/alerts", "/runs", "/settings",
		"/sql?sql=" + url.QueryEscape("SELECT ts, process, status, duration_ms FROM process_trace LIMIT 100")}
	var funcs struct{ Rows []struct{ ID int } }
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/funcs?limit=1&sort=-calls", &funcs); err != nil {
		return nil, err
	}
	for _, fn := range funcs.Rows {
		for _, tab := range []string{"", "?tab=latency", "?tab=callers", "?tab=errors", "?tab=examples"} {
			paths = append(paths, fmt.Sprintf("/funcs/%d%s", fn.ID, tab))
		}
	}
	var calls struct{ Rows []struct{ Trace string } }
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/calls?limit=1&sort=-duration", &calls); err != nil {
		return nil, err
	}
	for _, call := range calls.Rows {
		for _, view := range []string{"", "?view=waterfall", "?view=flame"} {
			paths = append(paths, "/traces/"+call.Trace+view)
		}
	}
	var errors struct {
		Rows []struct{ Fingerprint string }
	}
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/errors?limit=1&sort=-count", &errors); err != nil {
		return nil, err
	}
	for _, group := range errors.Rows {
		paths = append(paths, "/errors/"+group.Fingerprint)
	}
	return paths, nil
}
