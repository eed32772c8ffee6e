package browsertest

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Every page shows its data, asks nobody else for anything and breaks no rule
// of its security policy (newTab).
func TestPagesShowTheirData(t *testing.T) {
	tab := newTab(t, desk.URL)
	for _, page := range deskPages(t) {
		must(t, tab.Open(page.Path))
		must(t, tab.WaitText(page.Says))
		must(t, tab.Settled())
		if n, err := Eval[int](tab, "document.querySelectorAll('[role=alert]').length"); err != nil || n > 0 {
			text, _ := tab.Text()
			t.Errorf("%s shows %d errors (%v):\n%s", page.Path, n, err, text)
		}
		if headings, err := Eval[int](tab, "document.querySelectorAll('h1').length"); err != nil || headings != 1 {
			t.Errorf("%s has %d headings of the first level (%v)", page.Path, headings, err)
		}
	}
}

// A page that waits for its data says so from its first frame: neither a person
// who hears it nor a test takes it for one that has nothing to show.
func TestPagesSayThatTheyWait(t *testing.T) {
	tab := newTab(t, desk.URL)
	must(t, tab.Run(holdAnswers))
	for _, of := range deskPages(t) {
		must(t, tab.Open(of.Path))
		must(t, tab.Wait("document.querySelector('main h1, main > *')"))
		if busy, err := Eval[bool](tab, "!!document.querySelector('main[aria-busy=true], main [aria-busy=true]')"); err != nil || !busy {
			t.Errorf("%s does not say that it waits (%v)", of.Path, err)
		}
		_, err := Eval[bool](tab, "giveAnswers(), true")
		must(t, err)
		must(t, tab.Settled())
		must(t, tab.WaitText(of.Says))
	}
}

// holdAnswers has pages get no answer of the API before giveAnswers is called in them.
var holdAnswers = chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
	_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const ask = window.fetch
		const given = new Promise((give) => (window.giveAnswers = give))
		window.fetch = (...of) => given.then(() => ask(...of))
	}`})
	return err
})

// A page that is opened by its address shows what it showed when the address
// was made by clicks and keys.
func TestDeepLinks(t *testing.T) {
	tab := newTab(t, desk.URL)
	must(t, tab.Open("/"))
	must(t, tab.Settled())
	must(t, tab.Press("g", "c"))
	must(t, tab.Wait("document.querySelector('[role=grid] [aria-rowindex=\"2\"] [role=gridcell]')"))
	must(t, tab.Press("e", "d", "v", "j", keyEnter))
	must(t, tab.Wait("document.querySelector('aside h3')"))
	must(t, tab.Settled())
	path, err := tab.Path()
	must(t, err)
	for _, part := range []string{"/calls?", "q=status%3Aerr", "sort=-duration", "view=values", "call="} {
		if !strings.Contains(path, part) {
			t.Errorf("the address %s lacks %s", path, part)
		}
	}
	before, err := Eval[string](tab, "document.querySelector('main').innerText")
	must(t, err)
	must(t, tab.Open(path))
	must(t, tab.Wait("document.querySelector('aside h3')"))
	must(t, tab.Settled())
	after, err := Eval[string](tab, "document.querySelector('main').innerText")
	must(t, err)
	if before != after {
		t.Errorf("opened by its address the page shows\n%s\nand before it showed\n%s", after, before)
	}
	must(t, tab.Open("/no/such/page"))
	must(t, tab.WaitText("No such page"))
}

// The call that a trace's address names has the active line, also once more of
// the trace was read than what came first.
func TestTraceFocus(t *testing.T) {
	tab := newTab(t, desk.URL)
	call := get[struct {
		Rows []struct{ Call, Trace string }
	}](t, desk.URL+"/api/v1/calls?limit=1&sort=-duration&q="+url.QueryEscape("fn:submit status:err")).Rows[0]
	for _, view := range []string{"", "&view=waterfall"} {
		must(t, tab.Open("/traces/"+call.Trace+"?focus="+call.Call+view))
		must(t, tab.Wait("document.querySelector('[role=treegrid]') && !document.querySelector('.chip.warn')")) // all is read
		must(t, tab.Wait("document.querySelector('[role=row][aria-selected=true]')?.textContent.includes('submit')"))
	}
}

// A bad query is said with what is wrong, and does not empty the page.
func TestBadQuery(t *testing.T) {
	tab := newTab(t, desk.URL)
	must(t, tab.Open("/calls?q="+url.QueryEscape("dur:>apples")))
	must(t, tab.Wait("document.querySelector('header [role=alert]')?.innerText.includes('dur')"))
	tab.Problems() // the answers 400 that the browser notes
}

// Rows of a long list: the last is reached, and it is the oldest.
func TestScrollToTheEnd(t *testing.T) {
	tab := newTab(t, desk.URL)
	oldest := get[struct{ Rows []struct{ Call string } }](t, desk.URL+"/api/v1/calls?sort=start&limit=1").Rows[0].Call
	must(t, tab.Open("/calls"))
	must(t, tab.Wait("document.querySelector('[role=grid] [aria-rowindex=\"2\"] [role=gridcell]')"))
	must(t, tab.Run(focus("[role=grid]")))
	must(t, tab.Press(keyEnd))
	const last = "document.querySelector('[role=row][aria-selected=true][aria-rowindex=\"' + document.querySelector('[role=grid]').ariaRowCount + '\"] .mono')"
	must(t, tab.Wait(last))
	// What takes height from the grid, as a heat map that is there late, does not take the row away.
	_, err := Eval[bool](tab, "document.querySelector('.page').prepend(Object.assign(document.createElement('div'), {style: 'height: 200px; flex: none'})), true")
	must(t, err)
	must(t, tab.Wait("document.querySelector('[role=grid]').getBoundingClientRect().bottom - "+last+"?.getBoundingClientRect().bottom >= -1"))
	must(t, tab.Press(keyEnter))
	must(t, tab.Wait("location.search.includes('call=')"))
	path, err := tab.Path()
	must(t, err)
	if u, err := url.Parse(path); err != nil || u.Query().Get("call") != oldest {
		t.Errorf("the last row is %s (%v), the oldest call is %s", path, err, oldest)
	}
}

// Calls appear while they are stored; a pause holds them, and says how many.
func TestLive(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	database := dir + "/live.db"
	must(t, tool.Record(ctx, database, "./examples/desk", "-rounds", "1"))
	server, err := tool.Serve(ctx, database)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	tab := newTab(t, server.URL)
	must(t, tab.Open("/calls"))
	must(t, tab.WaitText("Live"))
	const total = "Number(document.querySelector('main [role=status]').textContent.replace(/[^0-9]/g, ''))"
	must(t, tab.Wait(total+" > 1000"))
	before, err := Eval[int](tab, total)
	must(t, err)
	must(t, tool.Record(ctx, database, "./examples/desk", "-rounds", "2"))
	all := get[struct{ Total int }](t, server.URL+"/api/v1/calls?limit=1").Total
	must(t, tab.Wait("document.querySelector('[aria-rowindex=\"2\"]').textContent.includes('desk')"))
	must(t, tab.Wait(total+" > "+itoa(before)))

	must(t, tab.Press("p"))
	must(t, tab.WaitText("Paused"))
	held, err := Eval[int](tab, total)
	must(t, err)
	must(t, tool.Record(ctx, database, "./examples/desk", "-rounds", "1"))
	if now, err := Eval[int](tab, total); err != nil || now != held {
		t.Errorf("while paused the list grew from %d to %d (%v)", held, now, err)
	}
	must(t, tab.Press("p"))
	must(t, tab.WaitText("not shown live"))
	must(t, tab.Press("n"))
	must(t, tab.Wait(total+" > "+itoa(all)))
}
