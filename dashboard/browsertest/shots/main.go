// Shots takes a picture of every page of the dashboard, dark and light, from
// the database of examples/desk: go run ./shots DIR [NAME ...]. $SERVER takes a
// dashboard that is running instead of starting one.
package main

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/chromedp/chromedp"

	"github.com/monitorgen/monitorgen/dashboard/browsertest"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: shots DIR [NAME ...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	browser, cancel, err := browsertest.Chromium(ctx, chromedp.Flag("force-color-profile", "srgb"))
	if err != nil {
		return err
	}
	defer cancel()
	if server := os.Getenv("SERVER"); server != "" {
		return takeDesk(browser, server, dir, names)
	}
	if len(names) != 1 || names[0] != wide.Name {
		server, end, err := serve(ctx, recordDesk)
		if err != nil {
			return err
		}
		defer end()
		if err := takeDesk(browser, server, dir, names); err != nil {
			return err
		}
	}
	if len(names) > 0 && !slices.Contains(names, wide.Name) {
		return nil
	}
	server, end, err := serve(ctx, recordWide)
	if err != nil {
		return err
	}
	defer end()
	return takeAll(browser, server, dir, []browsertest.Page{wide})
}

// wide is the one page that the example's database is too small for.
var wide = browsertest.Page{Name: "graph-wide", Path: "/graph", Says: "500 nodes"}

func takeDesk(browser context.Context, server, dir string, names []string) error {
	pages, err := browsertest.Desk(server)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		pages = slices.DeleteFunc(pages, func(p browsertest.Page) bool { return !slices.Contains(names, p.Name) })
	}
	return takeAll(browser, server, dir, pages)
}

func takeAll(browser context.Context, server, dir string, pages []browsertest.Page) error {
	tab, done, err := browsertest.NewTab(browser, server)
	if err != nil {
		return err
	}
	defer done()
	for _, page := range pages {
		for _, theme := range []string{"dark", "light"} {
			if err := take(tab, page, theme, filepath.Join(dir, page.Name+"-"+theme+".png")); err != nil {
				return fmt.Errorf("%s: %w", page.Name, err)
			}
		}
	}
	return nil
}

// recordDesk records the example several times, so that there is a course of
// time and something to compare.
func recordDesk(ctx context.Context, tool *browsertest.Tool, work, database string) error {
	for _, rounds := range []string{"5", "8", "12", "20", "9", "14", "25", "18", "11", "7", "16", "22", "13", "10", "6", "19"} {
		if err := tool.Record(ctx, database, "./examples/desk", "-rounds", rounds); err != nil {
			return err
		}
	}
	return browsertest.WriteRules(work)
}

func recordWide(ctx context.Context, tool *browsertest.Tool, work, database string) error {
	source, err := os.MkdirTemp(work, "wide")
	if err != nil {
		return err
	}
	return tool.RecordWide(ctx, source, database)
}

// serve serves what was just recorded in a folder of its own.
func serve(ctx context.Context, record func(ctx context.Context, tool *browsertest.Tool, work, database string) error) (string, func(), error) {
	work, err := os.MkdirTemp("", "monitorgen-shots")
	if err != nil {
		return "", nil, err
	}
	fail := func(err error) (string, func(), error) {
		os.RemoveAll(work)
		return "", nil, err
	}
	tool, err := browsertest.Build(work)
	if err != nil {
		return fail(err)
	}
	database := filepath.Join(work, "calls.db")
	if err := record(ctx, tool, work, database); err != nil {
		return fail(err)
	}
	s, err := tool.Serve(ctx, database)
	if err != nil {
		return fail(err)
	}
	return s.URL, func() { s.Close(); os.RemoveAll(work) }, nil
}

func take(tab *browsertest.Tab, page browsertest.Page, theme, file string) error {
	if err := tab.Run(chromedp.EmulateViewport(1440, 900), browsertest.Theme(theme)); err != nil {
		return err
	}
	if err := tab.Open(page.Path); err != nil {
		return err
	}
	if err := tab.WaitText(page.Says); err != nil {
		return err
	}
	if err := tab.Settled(); err != nil {
		return err
	}
	if err := tab.Wait(`!document.querySelector('main').textContent.includes('counting…')`); err != nil {
		return err
	}
	shot, err := browsertest.Picture(tab)
	if err != nil {
		return err
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, paletted(img)); err != nil {
		return err
	}
	fmt.Printf("%s %d KiB\n", file, b.Len()/1024)
	if problems := tab.Problems(); len(problems) > 0 {
		return fmt.Errorf("the page complained %d times, first: %s", len(problems), problems[0])
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
