package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/monitorgen/monitorgen/dashboard/browsertest"
)

const rowsShown = `document.querySelector('[role=grid] [aria-rowindex="2"] [role=gridcell]:nth-child(3)')`

// sizes weighs what the first page loads, and all there is.
func (b *bench) sizes(context.Context) error {
	tab, end, err := b.tab()
	if err != nil {
		return err
	}
	defer end()
	if err := tab.Open("/"); err != nil {
		return err
	}
	if err := tab.Settled(); err != nil {
		return err
	}
	initial, err := browsertest.Eval[float64](tab, `performance.getEntriesByType('resource').filter((r) => /\.(js|css)$/.test(r.name)).reduce((n, r) => n + r.encodedBodySize, 0)`)
	if err != nil {
		return err
	}
	b.row("JavaScript and CSS of the first page, gzip", "≤ 90 KB", fmt.Sprintf("%.1f KB", initial/1000), initial <= 90_000)
	all := 0
	files, err := filepath.Glob("../web/dist/assets/*")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var zipped bytes.Buffer
		w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err != nil {
			return err
		}
		w.Write(text)
		if err := w.Close(); err != nil {
			return err
		}
		all += zipped.Len()
	}
	b.row("JavaScript and CSS of all pages, gzip", "≤ 300 KB", fmt.Sprintf("%.1f KB", float64(all)/1000), all > 0 && all <= 300_000)
	foreign := len(tab.Foreign())
	b.row("requests to other addresses", "0", fmt.Sprint(foreign), foreign == 0)
	return nil
}

// firstPaint loads pages without a cache.
func (b *bench) firstPaint(context.Context) error {
	for _, path := range []string{"/", "/calls"} {
		tab, end, err := b.tab()
		if err != nil {
			return err
		}
		defer end()
		// Another page of the server first: starting a process for the tab is the
		// browser's time, not the page's.
		if err := tab.Run(noCache, chromedp.Navigate(b.server.URL+"/settings")); err != nil {
			return err
		}
		var values []float64
		for range 20 {
			if err := tab.Open(path); err != nil {
				return err
			}
			if err := tab.Wait(`performance.getEntriesByName('first-contentful-paint').length`); err != nil {
				return err
			}
			at, err := browsertest.Eval[float64](tab, `performance.getEntriesByName('first-contentful-paint')[0].startTime`)
			if err != nil {
				return err
			}
			values = append(values, at)
		}
		b.below("first contentful paint of "+path, 250, values)
	}
	return nil
}

func noCache(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, target, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	return chromedp.Void{}, err
}

// api times answers of the server, whole.
func (b *bench) api(context.Context) error {
	var fn struct{ Rows []struct{ ID int } }
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/funcs?limit=1", &fn); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	rank := func(q string) func() string {
		return func() string {
			return fmt.Sprintf("calls?limit=100&rank=%d&q=%s", random.IntN(b.calls/100)*10, url.QueryEscape(q))
		}
	}
	fixed := func(path string) func() string { return func() string { return path } }
	for _, r := range []struct {
		what  string
		bound float64
		n     int
		path  func() string
	}{
		{"a page of 100 calls, anywhere", 20, 60, func() string { return fmt.Sprintf("calls?limit=100&rank=%d", random.IntN(b.calls-100)) }},
		{"a page of one function, anywhere in its first tenth", 20, 60, rank("fn:item")},
		{"a page of failed calls, newest", 20, 40, fixed("calls?limit=100&q=status:err")},
		{"the slowest calls", 20, 20, fixed("calls?limit=100&sort=-duration")},
		{"overview", 100, 20, fixed("overview")},
		{"a function", 100, 20, fixed(fmt.Sprintf("funcs/%d", fn.Rows[0].ID))},
		{"heat map", 100, 20, fixed("heatmap")},
		{"graph", 100, 20, fixed("graph")},
	} {
		var values []float64
		for i := range r.n + 2 {
			start := time.Now()
			resp, err := http.Get(b.server.URL + "/api/v1/" + r.path())
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s %v", r.what, resp.Status, err)
			}
			if i >= 2 { // the first ones warm the cache
				values = append(values, float64(time.Since(start).Microseconds())/1000)
			}
		}
		b.below("answer: "+r.what, r.bound, values)
	}
	return nil
}

// jumps drags the scroll bar to random places of the million rows: from the
// movement until the rows there are painted.
func (b *bench) jumps(context.Context) error {
	tab, end, err := b.tab()
	if err != nil {
		return err
	}
	defer end()
	if err := tab.Open("/calls"); err != nil {
		return err
	}
	if err := tab.Wait(rowsShown); err != nil {
		return err
	}
	values, err := browsertest.Eval[[]float64](tab, `(async () => {
		const box = document.querySelector('[role=grid]'), times = []
		const frame = () => new Promise((done) => requestAnimationFrame(done))
		let place = 0.31
		for (let i = 0; i < 40; i++) {
			place = (place + 0.61803) % 1
			const before = box.querySelector('.view [role=row]').getAttribute('aria-rowindex')
			const start = performance.now()
			box.scrollTop = place * (box.scrollHeight - box.clientHeight)
			for (;;) {
				await frame()
				const rows = [...box.querySelectorAll('.view [role=row]')]
				if (rows[0].getAttribute('aria-rowindex') !== before && rows.every((row) => row.children.length > 2)) break
				if (performance.now() - start > 5000) throw new Error('the rows never came')
			}
			await frame()
			times.push(performance.now() - start)
			await new Promise((done) => setTimeout(done, 50))
		}
		return times
	})()`)
	if err != nil {
		return err
	}
	b.below("a jump anywhere in the table, until painted", 100, values)
	return nil
}

// trace opens the largest trace and pans its flame graph.
func (b *bench) trace(context.Context) error {
	var answer struct{ Rows []struct{ Trace string } }
	if err := browsertest.GetJSON(b.server.URL+"/api/v1/calls?limit=1&q=fn:season", &answer); err != nil {
		return err
	}
	if len(answer.Rows) == 0 {
		return fmt.Errorf("no call of season in the database")
	}
	tab, end, err := b.tab()
	if err != nil {
		return err
	}
	defer end()
	for _, view := range []struct{ what, path, shown string }{
		{"tree", "", `document.querySelector('[role=treegrid] [aria-rowindex="4"]')`},
		{"flame graph", "?view=flame", `document.querySelector('canvas') && performance.getEntriesByType('resource').some((r) => r.name.includes('/flame') && r.responseEnd)`},
	} {
		var values []float64
		for range 5 {
			if err := tab.Open("/traces/" + answer.Rows[0].Trace + view.path); err != nil {
				return err
			}
			at, err := browsertest.Eval[float64](tab, `(async () => {
				while (!(`+view.shown+`)) await new Promise((done) => requestAnimationFrame(done))
				await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
				return performance.now()
			})()`)
			if err != nil {
				return err
			}
			values = append(values, at)
		}
		b.below(fmt.Sprintf("a trace of %d calls opened as %s, from the address to a usable page", b.deep, view.what), 500, values)
	}
	frames, err := browsertest.Eval[[]float64](tab, `(async () => {
		const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect()
		const frame = () => new Promise(requestAnimationFrame)
		const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { clientX: box.x + x, clientY: box.y + 120, bubbles: true, button: 0 }))
		canvas.setPointerCapture = () => {}
		for (let i = 0; i < 5; i++) canvas.dispatchEvent(new WheelEvent('wheel', { ctrlKey: true, deltaY: -100, clientX: box.x + box.width / 2, clientY: box.y + 60, bubbles: true, cancelable: true }))
		await new Promise((done) => setTimeout(done, 600))
		const times = []
		send('pointerdown', 600)
		let last = await frame()
		for (let i = 0; i < 120; i++) {
			send('pointermove', 600 - i * 4)
			const now = await frame()
			times.push(now - last)
			last = now
		}
		send('pointerup', 120)
		return times
	})()`)
	if err != nil {
		return err
	}
	b.below("a frame while panning it", 33, frames)
	return nil
}
