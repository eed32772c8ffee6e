package browsertest

import (
	"os"
	"strings"
	"testing"
)

// axe-core finds nothing on any page, dark or light.
func TestAxe(t *testing.T) {
	axe, err := os.ReadFile("../web/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("axe-core is not installed: scripts/web does it")
	}
	tab := newTab(t, desk.URL)
	for _, theme := range []string{"dark", "light"} {
		must(t, tab.Run(Theme(theme)))
		for _, page := range deskPages(t) {
			must(t, tab.Open(page.Path))
			must(t, tab.WaitText(page.Says))
			must(t, tab.Settled())
			_, err := Eval[bool](tab, string(axe)+"; true")
			must(t, err)
			found, err := Eval[[]string](tab, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) =>
				v.id + ': ' + v.help + '\n  ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + '\n    ' + n.failureSummary.replaceAll('\n', ' ')).join('\n  ')))`)
			must(t, err)
			if len(found) > 0 {
				t.Errorf("%s, %s:\n%s", page.Path, theme, strings.Join(found, "\n"))
			}
		}
	}
}
