package browsertest

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe-core finds nothing on any page, dark or light.
func TestAxe(t *testing.T) {
	tab := newTab(t, desk.URL)
	for _, theme := range []string{"dark", "light"} {
		must(t, tab.Run(Theme(theme)))
		for _, page := range deskPages(t) {
			must(t, tab.Open(page.Path))
			must(t, tab.WaitText(page.Says))
			must(t, tab.Settled())
			runAxe(t, tab, page.Path+", "+theme)
		}
		must(t, tab.Open("/alerts"))
		must(t, tab.WaitText("orders fail"))
		must(t, tab.Run(chromedp.Click(chromedp.CSS("main button.main"))))
		must(t, tab.Wait("document.querySelector('dialog[open] form')"))
		runAxe(t, tab, "a rule that is made, "+theme)
		must(t, tab.Open("/calls"))
		must(t, tab.Settled())
		must(t, tab.Press("?"))
		must(t, tab.Wait("document.querySelector('dialog[open]')"))
		runAxe(t, tab, "the keys, "+theme)
	}
}

// runAxe fails the test for what axe-core finds in the page as it is.
func runAxe(t *testing.T, tab *Tab, what string) {
	t.Helper()
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("axe-core is not installed: scripts/web does it")
	}
	_, err = Eval[bool](tab, string(axe)+"; true")
	must(t, err)
	found, err := Eval[[]string](tab, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) =>
		v.id + ': ' + v.help + '\n  ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + '\n    ' + n.failureSummary.replaceAll('\n', ' ')).join('\n  ')))`)
	must(t, err)
	if len(found) > 0 {
		t.Errorf("%s:\n%s", what, strings.Join(found, "\n"))
	}
}
