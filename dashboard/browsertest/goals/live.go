package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/chromedp"

	"github.com/monitorgen/monitorgen/dashboard/browsertest"
)

// watch notes, frame by frame, how old the calls of tick are when their rows
// are first on the screen, and how long frames take.
const watch = `(() => {
	const seen = new Set(), ages = [], frames = []
	let last = performance.now(), newest = 0
	const look = (now) => {
		frames.push(now - last)
		last = now
		const wall = performance.timeOrigin + performance.now()
		for (const row of document.querySelectorAll('[role=grid] .view [role=row]')) {
			const found = /n=(\d+) at=(\d{16})/.exec(row.textContent)
			if (!found || seen.has(found[1]) || Number(found[2]) < performance.timeOrigin * 1000) continue // of an earlier run
			seen.add(found[1])
			if (Number(found[1]) > newest) ages.push(wall - Number(found[2]) / 1000)
			newest = Math.max(newest, Number(found[1]))
		}
		if (seen.size > 20000) seen.clear()
		requestAnimationFrame(look)
	}
	requestAnimationFrame(look)
	window.watched = { ages, frames }
	return true
})()`

// live opens the table and has calls arrive at a rate, for a time.
func (b *bench) live(ctx context.Context, rate int, span time.Duration, during func(*browsertest.Tab) error) (*browsertest.Tab, context.CancelFunc, error) {
	tab, end, err := b.tab()
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*browsertest.Tab, context.CancelFunc, error) {
		end()
		return nil, nil, err
	}
	if err := tab.Open("/calls"); err != nil {
		return fail(err)
	}
	if err := tab.Wait(rowsShown); err != nil {
		return fail(err)
	}
	if err := tab.WaitText("Live"); err != nil {
		return fail(err)
	}
	cmd := b.tool.RecordingHere(ctx, b.database, "./testdata/many", "-rate", strconv.Itoa(rate), "-for", span.String())
	cmd.Env = append(os.Environ(), "MONITOR_OVERFLOW=wait")
	if err := cmd.Start(); err != nil {
		return fail(err)
	}
	defer cmd.Wait()
	if err := tab.Wait(`/n=\d+ at=\d{16}/.test(document.querySelector('[role=grid]').textContent)`); err != nil {
		return fail(err)
	}
	if _, err := browsertest.Eval[bool](tab, watch); err != nil {
		return fail(err)
	}
	if err := during(tab); err != nil {
		return fail(err)
	}
	if err := cmd.Wait(); err != nil {
		return fail(fmt.Errorf("monitorgen run: %w", err))
	}
	return tab, end, nil
}

// latency is from a call in the program to its row on the screen, at a rate
// where every call is sent.
func (b *bench) latency(ctx context.Context) error {
	tab, end, err := b.live(ctx, 100, 12*time.Second, func(*browsertest.Tab) error { return nil })
	if err != nil {
		return err
	}
	defer end()
	ages, err := browsertest.Eval[[]float64](tab, "watched.ages")
	if err != nil {
		return err
	}
	if len(ages) == 0 {
		return fmt.Errorf("no call was seen arriving")
	}
	b.below("from the call in the program to its row on the screen, 100 calls/s", 250, ages)
	return nil
}

// flood has the page watch what is too much to read.
func (b *bench) flood(ctx context.Context) error {
	var heaps []float64
	tab, end, err := b.live(ctx, b.rate, b.span, func(tab *browsertest.Tab) error {
		const readings = 6
		for range readings {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(b.span / (readings + 1)):
			}
			if err := tab.Run(collectGarbage); err != nil {
				return err
			}
			heap, err := browsertest.Eval[float64](tab, "performance.memory.usedJSHeapSize / 1048576")
			if err != nil {
				return err
			}
			heaps = append(heaps, heap)
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer end()
	ages, err := browsertest.Eval[[]float64](tab, "watched.ages")
	if err != nil {
		return err
	}
	frames, err := browsertest.Eval[[]float64](tab, "watched.frames.slice(30)")
	if err != nil {
		return err
	}
	if len(ages) == 0 || len(frames) == 0 {
		return fmt.Errorf("%d calls seen, %d frames", len(ages), len(frames))
	}
	name := fmt.Sprintf("%d calls/s for %s", b.rate, b.span)
	b.below(name+": from the call to the screen", 250, ages)
	long := 0
	for _, f := range frames {
		if f > 100 {
			long++
		}
	}
	b.row(name+": frames over 100 ms", "0", fmt.Sprintf("%d of %d", long, len(frames)), long == 0)
	first, last := heaps[0], heaps[len(heaps)-1]
	b.row(name+": heap of the page after collection, first and last of six readings", "flat (≤ 1.2 x)", fmt.Sprintf("%.1f and %.1f MiB", first, last), last <= first*1.2)
	return nil
}

func collectGarbage(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, target, heapprofiler.CollectGarbage, cdp.Empty{})
	return chromedp.Void{}, err
}
