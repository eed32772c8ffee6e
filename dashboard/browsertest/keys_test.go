package browsertest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	keyEnd    = kb.End
	keyEnter  = kb.Enter
	keyRight  = kb.ArrowRight
	keyTab    = kb.Tab
	keyEscape = kb.Escape
)

func itoa(n int) string { return strconv.Itoa(n) }

func focus(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Focus(chromedp.CSS(selector))
}

// From the overview to the source of the slowest failing call, by keys alone.
func TestKeyboardWalkToTheSource(t *testing.T) {
	type call struct {
		Call, Process string
		Func          int
	}
	slowest := get[struct{ Rows []call }](t, desk.URL+"/api/v1/calls?q=status:err&sort=-duration&limit=1").Rows[0]
	tab := newTab(t, desk.URL)
	must(t, tab.Open("/"))
	must(t, tab.WaitText("desk.orders"))
	pressed := 0
	press := func(keys ...string) {
		t.Helper()
		must(t, tab.Press(keys...))
		pressed += len(keys)
	}
	press("g", "c") // calls
	must(t, tab.Wait("location.pathname === '/calls' && document.querySelector('[role=grid]')"))
	press("e", "d") // errors only, slowest first
	must(t, tab.Wait("location.search.includes('sort=-duration') && document.querySelector('[aria-rowindex=\"2\"]')?.textContent.includes("+strconv.Quote(slowest.Process)+")"))
	press(keyEnter) // the first of them
	must(t, tab.Wait("document.querySelector('aside h3')"))
	press("s") // its source
	must(t, tab.WaitText("//monitor:trace"))
	path, err := tab.Path()
	must(t, err)
	if want := "/funcs/" + itoa(slowest.Func); !strings.HasPrefix(path, want+"?") {
		t.Errorf("the walk ended at %s, the slowest failing call is of %s", path, want)
	}
	if pressed > 12 {
		t.Errorf("%d keys, want at most 12", pressed)
	}
	t.Logf("%d keys", pressed)
}

// Whatever can be clicked can be reached with Tab.
func TestEverythingIsReachedByTab(t *testing.T) {
	tab := newTab(t, desk.URL)
	for _, page := range deskPages(t) {
		must(t, tab.Open(page.Path))
		must(t, tab.WaitText(page.Says))
		must(t, tab.Settled())
		_, err := Eval[bool](tab, `window.reached = new Set(), document.addEventListener('focusin', (e) => reached.add(e.target)), document.body.focus(), true`)
		must(t, err)
		n, err := Eval[int](tab, tabbable+".length")
		must(t, err)
		for range min(n, 150) + 5 {
			must(t, tab.Press(keyTab))
		}
		if n > 150 {
			continue // the rest is more of the same rows
		}
		left, err := Eval[[]string](tab, tabbable+`.filter((e) => !reached.has(e) && !(e.type === 'radio' && !e.checked)).map((e) => e.outerHTML.slice(0, 120))`)
		must(t, err)
		for _, e := range left {
			t.Errorf("%s: Tab does not reach %s", page.Path, e)
		}
	}
}

// tabbable are the elements that a pointer can use, except those whose work
// the grid's own keys do.
const tabbable = `[...document.querySelectorAll('a[href], button:not(:disabled), input, select, textarea, summary, [tabindex="0"]')]
	.filter((e) => e.checkVisibility() && !e.closest('[role=row]') && e.tabIndex >= 0)`

func TestHelpListsTheKeys(t *testing.T) {
	tab := newTab(t, desk.URL)
	must(t, tab.Open("/calls"))
	must(t, tab.Settled())
	must(t, tab.Press("?"))
	must(t, tab.Wait("document.querySelector('dialog[open]')?.innerText.includes('errors only')"))
	must(t, tab.Press(keyEscape))
	must(t, tab.Wait("!document.querySelector('dialog[open]')"))
	// Letters that are typed into a field are no commands.
	must(t, tab.Press("/"))
	must(t, tab.Press("g", "c", "t"))
	// (The protocol sends the character of / after the key, whoever took the key.)
	must(t, tab.Wait("document.getElementById('query').value.replace('/', '') === 'gct'"))
}
