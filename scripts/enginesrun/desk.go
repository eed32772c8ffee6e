//go:build unix

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// desks is how many processes of the example are recorded.
const desks = 3

// testOTel sends calls to a Collector that is killed, and the example's to the same
// one; the spans that Jaeger has then are counted and compared.
func testOTel(ctx context.Context, calls int, down time.Duration) (code int, err error) {
	work, err := os.MkdirTemp("", "monitorgen-engines-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	victim, err := buildVictim(ctx, work)
	if err != nil {
		return 0, err
	}
	c, err := startCollector(ctx, work)
	if errors.Is(err, errNone) {
		fmt.Println("skipped:", err)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer c.stop()
	printHeader()
	t := trial{engine: c, victim: victim, dir: work, calls: calls, down: down}
	good, err := t.run(ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name(), err)
	}
	same, err := compareDesk(ctx, c, work)
	if err != nil {
		return 0, fmt.Errorf("the desk: %w", err)
	}
	if !good || !same {
		code = 1
	}
	return code, nil
}

// compareDesk records the example in some processes, has one agent store and send
// that, and compares what the database has with what Jaeger has.
func compareDesk(ctx context.Context, c *collector, work string) (same bool, err error) {
	tool, desk := filepath.Join(work, "monitorgen"), filepath.Join(work, "desk")
	folder, database := filepath.Join(work, "desk-spool"), filepath.Join(work, "desk.db")
	if err := errors.Join(
		execute(ctx, "go", "build", "-o", tool, "./cmd/monitorgen"),
		execute(ctx, "go", "run", "./cmd/monitorgen", "build", "-o", desk, "./examples/desk"),
	); err != nil {
		return false, err
	}
	for seed := range desks {
		cmd := exec.CommandContext(ctx, desk, "-rounds", "1", "-quotes", "20", "-seed", strconv.Itoa(seed+1))
		cmd.Env = append(os.Environ(), "MONITOR=on", "MONITOR_SPOOL="+folder, "MONITOR_SAMPLE=", "MONITOR_STORE=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return false, fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err := execute(ctx, tool, "agent", "-once", "-spool", folder, "-db", database, "-store", c.URL()); err != nil {
		return false, fmt.Errorf("agent: %w", err)
	}
	db, err := query.Open(ctx, database)
	if err != nil {
		return false, err
	}
	defer db.Close()
	roots, err := db.SQL(ctx, `SELECT run_id, call_id, uuid, (SELECT count(*) FROM process_trace) FROM process_trace JOIN runs USING (run_id) WHERE process LIKE '%trading_day'`, desks+1)
	if err != nil {
		return false, err
	}
	if len(roots.Rows) != desks {
		return false, fmt.Errorf("the database has %d trading days, not %d", len(roots.Rows), desks)
	}
	traces, err := c.jaeger.traces(ctx, "desk")
	if err != nil {
		return false, err
	}
	spans := int64(0)
	for _, t := range traces {
		spans += int64(len(t.Spans))
	}
	fmt.Printf("the desk in %d processes: the database has %d calls, Jaeger %d spans\n", desks, roots.Rows[0][3], spans)
	same = spans == roots.Rows[0][3]
	for _, root := range roots.Rows {
		alike, err := compareTree(ctx, c, tool, database, root)
		if err != nil {
			return false, err
		}
		same = same && alike
	}
	return same, nil
}

// compareTree compares what monitorgen tree shows of a call with its trace in Jaeger.
func compareTree(ctx context.Context, c *collector, tool, database string, root []any) (same bool, err error) {
	call := fmt.Sprintf("%d:%d", root[0], root[1])
	out, err := exec.CommandContext(ctx, tool, "tree", "-json", "-n", "1000000", "-call", call, database).Output()
	if err != nil {
		return false, fmt.Errorf("monitorgen tree: %w", err)
	}
	var tree node
	if err := json.Unmarshal(out, &tree); err != nil {
		return false, err
	}
	var ours, theirs []drawnCall
	if ours, err = tree.calls(ours, 0); err != nil {
		return false, err
	}
	traces, err := c.jaeger.trace(ctx, fmt.Sprintf("%.16s%016x", root[2], root[1]))
	if err != nil {
		return false, err
	}
	if len(traces) != 1 {
		return false, fmt.Errorf("call %s: %d traces in Jaeger", call, len(traces))
	}
	for i := range traces[0].Spans {
		span, err := traces[0].Spans[i].call()
		if err != nil {
			return false, err
		}
		theirs = append(theirs, span)
	}
	says := "the same"
	if a, b := draw(ours), draw(theirs); a != b {
		says = fmt.Sprintf("not the same:\n%s\nbut\n%s", a, b)
	}
	fmt.Printf("monitorgen tree -call %s, %d calls, and Jaeger's trace: %s\n", call, len(ours), says)
	return says == "the same", nil
}

// node is a call of monitorgen tree -json.
type node struct {
	Call    string `json:"call"`
	Process string `json:"process"`
	Status  string `json:"status"`
	Missing bool   `json:"missing"` // not kept, as its sample had it; its calls may be
	Calls   []node `json:"calls"`
}

// calls appends those of a tree that are kept.
func (n *node) calls(all []drawnCall, parent uint64) ([]drawnCall, error) {
	_, text, _ := strings.Cut(n.Call, ":")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, err
	}
	if !n.Missing {
		all = append(all, drawnCall{number: number, parent: parent, name: n.Process, status: n.Status})
	}
	for i := range n.Calls {
		if all, err = n.Calls[i].calls(all, number); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// drawnCall is a call, whoever says so.
type drawnCall struct {
	number, parent uint64
	name, status   string
}

// draw draws calls as trees: a line for each call, below its caller, in the order of
// their numbers. Callers that are not kept are named by their numbers.
func draw(calls []drawnCall) string {
	slices.SortFunc(calls, func(a, b drawnCall) int { return cmp.Compare(a.number, b.number) })
	kept, children := map[uint64]bool{}, map[uint64][]drawnCall{}
	for _, c := range calls {
		kept[c.number] = true
		children[c.parent] = append(children[c.parent], c)
	}
	var out strings.Builder
	var below func(parent uint64, indent string)
	below = func(parent uint64, indent string) {
		for _, c := range children[parent] {
			fmt.Fprintf(&out, "%s%s %d %s\n", indent, c.name, c.number, c.status)
			below(c.number, indent+"  ")
		}
	}
	for _, parent := range slices.Sorted(maps.Keys(children)) {
		if !kept[parent] {
			fmt.Fprintf(&out, "below %d\n", parent)
			below(parent, "  ")
		}
	}
	return out.String()
}
