package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What the functions of a wide program are called by: their groups, and in each
// the products of two lists.
var (
	wideGroups = []string{"api", "billing", "cart", "catalog", "orders", "payment", "pricing", "search", "stock", "users"}
	wideTypes  = []string{"Batch", "Cache", "Index", "Journal", "Ledger", "Policy", "Queue", "Record", "Report", "Session"}
	wideVerbs  = []string{"Apply", "Check", "Fetch", "Merge", "Store"}
)

// RecordWide records a program of 500 functions into the database: fifty in each
// of ten groups, in layers, each calling up to three of the layers below. It is
// written into the folder, which has to be empty.
func (t *Tool) RecordWide(ctx context.Context, dir, database string) error {
	files := map[string]string{"go.mod": "module wide\n\ngo 1.20\n", "main.go": wideMain()}
	for i, group := range wideGroups {
		files[group+".go"] = wideGroup(i, group)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	cmd := t.RecordingHere(ctx, database, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("record 500 functions: %w\n%s", err, out)
	}
	return nil
}

// WideCallers are the functions that call one of a wide program, as they are written in Go.
func WideCallers(name string) []string {
	var callers []string
	for n := range wideFunctions() {
		for _, to := range wideCallees(n) {
			if wideName(to) == name {
				callers = append(callers, wideName(n))
			}
		}
	}
	return callers
}

func wideFunctions() int { return len(wideGroups) * len(wideTypes) * len(wideVerbs) }

// wideName is what the n-th function is called: neighbours in number are of different groups.
func wideName(n int) string {
	group := wideGroups[n%len(wideGroups)]
	kind := wideTypes[n/len(wideGroups)%len(wideTypes)]
	verb := wideVerbs[n/len(wideGroups)/len(wideTypes)]
	return fmt.Sprintf("%s%s%s", verb, strings.ToUpper(group[:1])+group[1:], kind)
}

// wideCallees are the functions that the n-th one calls: later ones alone.
func wideCallees(n int) []int {
	var callees []int
	for _, step := range []int{47 + n%31, 80 + n%17, 131} {
		if to := n + step; to < wideFunctions() && (n+step)%4 != 0 {
			callees = append(callees, to)
		}
	}
	return callees
}

func wideGroup(group int, name string) string {
	var b strings.Builder
	b.WriteString("package main\n")
	for n := group; n < wideFunctions(); n += len(wideGroups) {
		fmt.Fprintf(&b, "\n//monitor:trace group=wide.%s\nfunc %s(n int) error {\n", name, wideName(n))
		for _, to := range wideCallees(n) {
			fmt.Fprintf(&b, "\tif n%%3 != %d {\n\t\tif err := %s(n/2 + 1); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n", to%3, wideName(to))
		}
		if n%61 == 7 {
			b.WriteString("\tif n%2 == 1 {\n\t\treturn errRefused\n\t}\n")
		}
		b.WriteString("\treturn nil\n}\n")
	}
	return b.String()
}

// wideMain calls every function once, and those of the first layers often.
func wideMain() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport \"errors\"\n\nvar errRefused = errors.New(\"refused\")\n\nfunc main() {\n\tfor n := range make([]int, 24) {\n")
	for n := range 47 {
		fmt.Fprintf(&b, "\t\t_ = %s(n)\n", wideName(n))
	}
	b.WriteString("\t}\n")
	for n := 47; n < wideFunctions(); n++ {
		fmt.Fprintf(&b, "\t_ = %s(2)\n", wideName(n))
	}
	b.WriteString("}\n")
	return b.String()
}
