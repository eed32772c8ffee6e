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
	server := os.Getenv("SERVER")
	if server == "" {
		started, end, err := serveDesk(ctx)
		if err != nil {
			return err
		}
		defer end()
		server = started
	}
	pages, err := browsertest.Desk(server)
	if err != nil {
		return err
	}
	browser, cancel, err := browsertest.Chromium(ctx, chromedp.Flag("force-color-profile", "srgb"))
	if err != nil {
		return err
	}
	defer cancel()
	tab, done, err := browsertest.NewTab(browser, server)
	if err != nil {
		return err
	}
	defer done()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, page := range pages {
		if len(names) > 0 && !slices.Contains(names, page.Name) {
			continue
		}
		for _, theme := range []string{"dark", "light"} {
			if err := take(tab, page, theme, filepath.Join(dir, page.Name+"-"+theme+".png")); err != nil {
				return fmt.Errorf("%s: %w", page.Name, err)
			}
		}
	}
	return nil
}

// serveDesk records the example several times, so that there is a course of
// time and something to compare, and serves it.
func serveDesk(ctx context.Context) (string, func(), error) {
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
	database := filepath.Join(work, "desk.db")
	for _, rounds := range []string{"5", "8", "12", "20", "9", "14", "25", "18"} {
		if err := tool.Record(ctx, database, "./examples/desk", "-rounds", rounds); err != nil {
			return fail(err)
		}
	}
	if err := browsertest.WriteRules(work); err != nil {
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
