package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ErrNoChromium is for a machine without the browser.
var ErrNoChromium = errors.New("no chromium found: apt-get install chromium")

// Chromium starts a browser without a window; cancelling ends it.
func Chromium(ctx context.Context, flags ...chromedp.ExecAllocatorOption) (context.Context, context.CancelFunc, error) {
	path, err := chromiumPath()
	if err != nil {
		return nil, nil, err
	}
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-gpu", true),
	}, flags)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	options = append(options, chromedp.WSURLReadTimeout(time.Minute))
	const tries = 3 // a start fails now and then on a busy machine
	var failed error
	for range tries {
		allocator, stop := chromedp.NewExecAllocator(ctx, options...)
		browser, cancel := chromedp.NewContext(allocator)
		err := chromedp.Do(browser)
		if err == nil {
			return browser, func() { cancel(); stop() }, nil
		}
		cancel()
		stop()
		failed = errors.Join(failed, err)
	}
	return nil, nil, fmt.Errorf("start %s: %w", path, failed)
}

func chromiumPath() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoChromium
}

// Tab is a page of the browser that remembers what went wrong in it.
type Tab struct {
	ctx    context.Context
	server string

	mu       sync.Mutex
	problems []string // errors of scripts, of the console, of the security policy
	foreign  []string // addresses outside of the server that were asked for
}

// NewTab opens a tab for a server.
func NewTab(browser context.Context, server string) (*Tab, context.CancelFunc, error) {
	ctx, cancel := chromedp.NewContext(browser)
	t := &Tab{ctx: ctx, server: server}
	host := server
	if u, err := url.Parse(server); err == nil {
		host = u.Host
	}
	err := chromedp.Listen(ctx, func(event any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				text += " " + e.ExceptionDetails.Exception.Description
			}
			t.problems = append(t.problems, text)
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" || e.Entry.Source == "security" {
				t.problems = append(t.problems, e.Entry.Text+" "+e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && u.Host != host && u.Scheme != "data" && u.Scheme != "blob" && u.Scheme != "chrome" && u.Scheme != "about" {
				t.foreign = append(t.foreign, e.Request.URL)
			}
		}
	})
	if err != nil {
		cancel()
		return nil, nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	})); err != nil {
		cancel()
		return nil, nil, err
	}
	return t, cancel, nil
}

// Problems returns what went wrong in the page since the last time it was asked.
func (t *Tab) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.problems
	t.problems = nil
	return p
}

// Foreign returns the addresses outside of the server that pages asked for.
func (t *Tab) Foreign() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.foreign)
}

// Open goes to a path of the server.
func (t *Tab) Open(path string) error {
	return chromedp.Do(t.ctx, chromedp.Navigate(t.server+path))
}

// Run runs an action in the tab.
func (t *Tab) Run(actions ...chromedp.Action[chromedp.Void]) error {
	return chromedp.Do(t.ctx, actions...)
}

// Eval evaluates an expression, a promise included, in the page.
func Eval[T any](t *Tab, expression string) (T, error) {
	return chromedp.Run(t.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Wait asks an expression until it is true; the error of running out of time
// says what the page showed then.
func (t *Tab) Wait(expression string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, err := Eval[bool](t, "!!("+expression+")")
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			shown, _ := Eval[string](t, "location.href + '\\n' + document.body.innerText.slice(0, 1500)")
			return fmt.Errorf("never true: %s (%v)\nthe page showed: %s", expression, err, shown)
		}
		select {
		case <-t.ctx.Done():
			return t.ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// WaitText waits until the page shows a text.
func (t *Tab) WaitText(text string) error {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return t.Wait("document.body.innerText.includes(" + string(quoted) + ")")
}

// Press types keys, one after the other.
func (t *Tab) Press(keys ...string) error {
	for _, key := range keys {
		if err := chromedp.Do(t.ctx, chromedp.KeyEvent(key)); err != nil {
			return err
		}
	}
	return nil
}

// Text is what a person reads on the page.
func (t *Tab) Text() (string, error) { return Eval[string](t, "document.body.innerText") }

// Path is the address without the server.
func (t *Tab) Path() (string, error) {
	href, err := Eval[string](t, "location.href")
	return strings.TrimPrefix(href, t.server), err
}

// Settled waits until the page shows its data: nothing is under way and two
// frames have been drawn.
func (t *Tab) Settled() error {
	if err := t.Wait(`document.querySelector('main > *') && !document.querySelector('[aria-busy=true]') && ![...document.querySelectorAll('[role=status]')].some((e) => /Loading|^…$/.test(e.textContent))`); err != nil {
		return err
	}
	_, err := Eval[bool](t, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
	return err
}

// Theme has the system ask for dark or light colours.
func Theme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	})
}

// Picture is what the window shows, as PNG.
func Picture(t *Tab) ([]byte, error) {
	return chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
}
