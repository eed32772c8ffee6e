package browsertest

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// At 500 nodes the graph finds one by its name, with keys alone, says in text
// who calls it, and draws it where it can be read.
func TestWideGraph(t *testing.T) {
	ctx := context.Background()
	database := filepath.Join(t.TempDir(), "wide.db")
	must(t, tool.RecordWide(ctx, t.TempDir(), database))
	server, err := tool.Serve(ctx, database)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	tab := newTab(t, server.URL)
	must(t, tab.Open("/graph"))
	must(t, tab.WaitText("500 nodes"))
	must(t, tab.Settled())
	const core = "document.querySelector('.box').core"

	// All of it is in the window, no box over another, and names can be read.
	overlapping, err := Eval[int](tab, `(() => {
		const boxes = `+core+`.nodes().map((n) => n.position())
		return boxes.filter((a, i) => boxes.some((b, j) => i !== j && Math.abs(a.x - b.x) < 180 && Math.abs(a.y - b.y) < 34)).length
	})()`)
	must(t, err)
	outside, err := Eval[int](tab, core+".nodes().filter((n) => { const p = n.renderedPosition(), c = "+core+"; return p.x < 0 || p.y < 0 || p.x > c.width() || p.y > c.height() }).length")
	must(t, err)
	named, err := Eval[int](tab, core+".nodes('.named').length")
	must(t, err)
	if overlapping != 0 || outside != 0 || named < 30 {
		t.Errorf("%d nodes lie over others, %d outside of the window, %d have a name that can be read", overlapping, outside, named)
	}

	// Its name is typed, and the table has its callers.
	const name = "MergePaymentCache"
	must(t, tab.Press("f"))
	must(t, tab.Wait("document.activeElement.getAttribute('role') === 'combobox' && document.activeElement.id !== 'query'"))
	_, err = Eval[bool](tab, "document.activeElement.select(), true") // the browser's protocol types the f too
	must(t, err)
	must(t, tab.Press("cache mergepay"))
	must(t, tab.Wait("document.querySelectorAll('#nodes [role=option]').length === 1"))
	must(t, tab.Press(keyEnter))
	must(t, tab.Wait("document.querySelector('.tables h2')?.textContent.endsWith('"+name+"')"))
	callers, err := Eval[[]string](tab, `[...document.querySelectorAll('.tables [role=row]')].filter((row) => row.textContent.includes('caller')).map((row) => row.querySelector('.mono').textContent)`)
	must(t, err)
	callers = slices.DeleteFunc(callers, func(c string) bool { return !strings.HasPrefix(c, "wide.") })
	for i := range callers {
		callers[i] = strings.TrimPrefix(callers[i], "wide.")
	}
	slices.Sort(callers)
	want := WideCallers(name)
	slices.Sort(want)
	if len(want) < 3 || !slices.Equal(callers, want) {
		t.Errorf("the callers of %s are said to be %v, want %v", name, callers, want)
	}
	// It is in the middle, large enough to be read.
	must(t, tab.Wait(core+".zoom() >= 0.8 && (() => { const c = "+core+", p = c.nodes('.at').renderedPosition(); return Math.abs(p.x - c.width() / 2) < 2 && Math.abs(p.y - c.height() / 2) < 2 })()"))

	// The window is moved by keys; the address shows the same to another.
	must(t, tab.Run(focus(".graph")))
	must(t, tab.Press("+", "+"))
	must(t, tab.Press(keyRight))
	must(t, tab.Wait("(() => { const c = "+core+", z = c.zoom(); return new URLSearchParams(location.search).get('view') === [(c.width() / 2 - c.pan().x) / z, (c.height() / 2 - c.pan().y) / z].map(Math.round).join() + ',' + Number(z.toFixed(3)) })()"))
	path, err := tab.Path()
	must(t, err)
	const seen = core + ".zoom().toFixed(2) + ' ' + Math.round(" + core + ".extent().x1 / 20) + ' ' + document.querySelector('.tables h2').textContent"
	before, err := Eval[string](tab, seen)
	must(t, err)
	must(t, tab.Open(path))
	must(t, tab.Settled())
	must(t, tab.Wait(core+"?.nodes('.at').length"))
	if after, err := Eval[string](tab, seen); err != nil || after != before {
		t.Errorf("%s shows %q, and showed %q before (%v)", path, after, before, err)
	}

	// Only what is around it; then groups; then nothing chosen; each has its address.
	must(t, tab.Press("o"))
	must(t, tab.Wait("location.search.includes('focus=') && "+core+".nodes().length < 100"))
	must(t, tab.Settled())
	runAxe(t, tab, "the graph around a node")
	must(t, tab.Press("y"))
	must(t, tab.Wait("location.search === '?by=group' && "+core+".nodes().length === 10"))
	must(t, tab.Press("y"))
	must(t, tab.WaitText("500 nodes"))
	must(t, tab.Run(chromedp.Click(chromedp.CSS(".tables header button:last-child"))))
	must(t, tab.Wait("location.search.includes('list=nodes') && document.querySelector('.tables [role=grid]').ariaRowCount === '501'"))
	runAxe(t, tab, "the nodes of a wide graph")
}
