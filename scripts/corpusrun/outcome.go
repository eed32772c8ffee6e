package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
)

// outcome is what go test said.
type outcome struct {
	tests  map[string]string // pass, fail or skip by package and test
	output map[string]string // the end of what those printed that failed
}

// maxOutput is how much is kept of what a test or package printed.
const maxOutput = 4 << 10

// address is what differs in names of tests that print pointers.
var address = regexp.MustCompile(`0x[0-9a-f]{6,}|time\.Date\([^)]*\)`)

// readOutcome reads the output of go test -json, and reports each package that is done.
func readOutcome(r io.Reader, report func(pkg, action string)) (*outcome, error) {
	o := &outcome{tests: make(map[string]string), output: make(map[string]string)}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e struct{ Action, Package, Test, ImportPath, Output string }
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			key := e.Package + " " + address.ReplaceAllString(e.Test, "0x")
			if e.Test == "" && (e.Action == "pass" || e.Action == "fail") {
				report(e.Package, e.Action)
			}
			switch e.Action {
			case "pass", "skip":
				o.tests[key] = e.Action
				delete(o.output, key)
			case "fail":
				o.tests[key] = e.Action
			case "build-fail":
				o.tests[e.ImportPath+" (build)"] = "fail"
			case "output":
				text := o.output[key] + e.Output
				o.output[key] = text[max(0, len(text)-maxOutput):]
			case "build-output":
				o.output[e.ImportPath+" (build)"] += e.Output
			}
		}
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// failed returns the tests and packages that failed here and not in plain.
func (o *outcome) failed(plain *outcome) []string {
	var tests []string
	for test, got := range o.tests {
		if got == "fail" && plain.tests[test] != "fail" {
			tests = append(tests, test)
		}
	}
	sort.Strings(tests)
	return tests
}

func compare(plain, recorded *outcome) []string {
	var differences []string
	for test, want := range plain.tests {
		if got := recorded.tests[test]; got != want {
			differences = append(differences, fmt.Sprintf("%s: %s, recorded: %s", test, want, cmp.Or(got, "missing")))
		}
	}
	for test, got := range recorded.tests {
		if _, known := plain.tests[test]; !known {
			differences = append(differences, fmt.Sprintf("%s: only when recorded: %s", test, got))
		}
	}
	sort.Strings(differences)
	return differences
}
