package main

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"
)

// result is what a trial found.
type result struct {
	module
	plain, recorded         *outcome
	plainTime, recordedTime time.Duration
	functions               int            // recorded
	left                    map[string]int // left alone, by reason
	summary                 string         // of the database
	differences             []string       // between plain and recorded, in every round
	exempted                []string       // tests that need a function inlined
	unsteady                []string       // between plain and recorded, but not in every round
}

// exempt takes the tests that a pattern names out of both outcomes, and failures
// of packages in which nothing else failed.
func (r *result) exempt(pattern string) {
	if pattern == "" {
		return
	}
	named := regexp.MustCompile(pattern)
	others := make(map[string]bool) // packages where another test failed
	for test, got := range r.recorded.tests {
		pkg, name, _ := strings.Cut(test, " ")
		switch {
		case name != "" && named.MatchString(name):
			if got != r.plain.tests[test] {
				r.exempted = append(r.exempted, test)
			}
			delete(r.recorded.tests, test)
			delete(r.plain.tests, test)
		case got == "fail" && name != "":
			others[pkg] = true
		}
	}
	sort.Strings(r.exempted)
	for _, test := range r.exempted {
		if pkg, _, _ := strings.Cut(test, " "); !others[pkg] {
			r.recorded.tests[pkg+" "] = r.plain.tests[pkg+" "]
		}
	}
}

func (r *result) leftAlone() int {
	n := 0
	for _, count := range r.left {
		n += count
	}
	return n
}

func (r *result) print() {
	fmt.Printf("%s@%s: %d functions recorded, %d left alone; %d tests, %d different; %.1f s plain, %.1f s recorded and stored\n\t%s\n",
		r.path, r.version, r.functions, r.leftAlone(), len(r.plain.tests), len(r.differences), r.plainTime.Seconds(), r.recordedTime.Seconds(), r.summary)
	for _, reason := range r.reasons() {
		fmt.Printf("\tleft alone: %s\n", reason)
	}
	for _, d := range r.differences {
		fmt.Printf("\t%s\n", d)
	}
	for _, test := range r.exempted {
		fmt.Printf("\tneeds a function inlined: %s\n", test)
	}
	for _, d := range r.unsteady {
		fmt.Printf("\tonce: %s\n", d)
	}
	for _, test := range r.recorded.failed(r.plain) {
		fmt.Printf("\t%s printed last:\n\t\t%s\n", test, strings.ReplaceAll(strings.TrimSpace(r.recorded.output[test]), "\n", "\n\t\t"))
	}
}

// reasons returns why functions were left alone, and how many for each.
func (r *result) reasons() []string {
	var all []string
	for reason, n := range r.left {
		all = append(all, fmt.Sprintf("%d %s", n, reason))
	}
	sort.Strings(all)
	return all
}

// noBody is why a function that Go does not have the code of is left alone.
const noBody = "it has no body"

// share returns how much of the functions with a body is recorded, in percent.
func (r *result) share() float64 {
	return 100 * float64(r.functions) / float64(r.functions+r.leftAlone()-r.left[noBody])
}

// printTable prints results as the table in Markdown that docs/corpus.md has.
func printTable(results []*result) {
	fmt.Println("| module | functions recorded | of those with a body | left alone | tests | different | need inlining | plain | recorded |")
	fmt.Println("| --- | ---: | ---: | --- | ---: | ---: | --- | ---: | ---: |")
	for _, r := range results {
		fmt.Printf("| %s %s | %d | %.1f %% | %s | %d | %d | %s | %.1f s | %.1f s |\n", r.path, r.version, r.functions, r.share(), listed(r.reasons()),
			len(r.plain.tests), len(r.differences), listed(r.exempted), r.plainTime.Seconds(), r.recordedTime.Seconds())
	}
}

// listed returns the items as one cell of a table.
func listed(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, "; ")
}
