package dashboard

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// markStep is how far apart the calls are that a list's index remembers.
const markStep = 500

// countPatience is how long an answer waits for its list to be counted.
const countPatience = 40 * time.Millisecond

// maxCounted is how many lists are remembered.
const maxCounted = 32

// countCache counts lists of calls, and knows places in them, so that a scroll
// bar can go anywhere. A list that grows is counted on from where it was.
type countCache struct{ lists *recent[string, counted] }

func newCountCache() *countCache { return &countCache{newRecent[string, counted](maxCounted)} }

// counted is a list that was counted.
type counted struct {
	mu    sync.Mutex // held while it is being counted
	marks query.Marks
	begun time.Time // counting began at the oldest call then
	until time.Time // counted as far as it went then
}

// How long a count is taken as it is, and how long it is counted on: calls that
// retention removes, and those that leave a list that moves on with the clock,
// are not seen until it begins again.
const (
	countedFor = time.Second
	recount    = time.Minute
)

func (c *countCache) entry(f query.Filter) *counted {
	return c.lists.entry(fmt.Sprint(f.Query.Text, "\x00", f.Query.Terms, f.Since.UnixNano(), f.Until.UnixNano(), f.Pin))
}

// marks returns the places of a list, counted as far as it goes now.
//
// A pinned list is the beginning of the same list without a pin: that one is
// counted, once for all pins, and from its last mark before the pin it is less
// than a step.
func (c *countCache) marks(ctx context.Context, repo Repository, f query.Filter) (query.Marks, error) {
	if f.Pin != (query.CallID{}) {
		whole := f
		whole.Pin = query.CallID{}
		all, err := c.marks(ctx, repo, whole)
		if err != nil {
			return all, err
		}
		before := sort.Search(len(all.At), func(i int) bool { return newer(all.At[i], f.Pin) })
		return repo.Marks(ctx, f, markStep, query.Marks{At: all.At[:before]})
	}
	e := c.entry(f)
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.until) < countedFor {
		return e.marks, nil
	}
	if time.Since(e.begun) > recount || f.Query.Has(filter.Since) {
		e.marks, e.begun = query.Marks{}, time.Now()
	}
	marks, err := repo.Marks(ctx, f, markStep, e.marks)
	e.marks = marks // also what it came to before ctx ended
	if err == nil {
		e.until = time.Now()
	}
	return marks, err
}

func newer(a, b query.CallID) bool { return a.Run > b.Run || a.Run == b.Run && a.Call > b.Call }

// total returns how many calls a list has. It waits a little for the count;
// exact is false when it is not done yet.
func (c *countCache) total(ctx context.Context, repo Repository, f query.Filter) (n int64, exact bool, err error) {
	if len(f.Query.Terms) == 0 && f.Since.IsZero() && f.Until.IsZero() && f.Pin == (query.CallID{}) {
		n, err = repo.Count(ctx)
		return n, err == nil, err
	}
	done := make(chan query.Marks, 1)
	failed := make(chan error, 1)
	go func() {
		background, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		marks, err := c.marks(background, repo, f)
		if err != nil {
			failed <- err
			return
		}
		done <- marks
	}()
	timer := time.NewTimer(countPatience)
	defer timer.Stop()
	select {
	case marks := <-done:
		return marks.Total, true, nil
	case err := <-failed:
		if errors.Is(err, context.DeadlineExceeded) {
			return 0, false, nil
		}
		return 0, false, err
	case <-timer.C:
		return c.entry(f).soFar(), false, nil
	}
}

// soFar returns what was counted before, if nobody is counting just now.
func (e *counted) soFar() int64 {
	if !e.mu.TryLock() {
		return 0
	}
	defer e.mu.Unlock()
	return e.marks.Total
}
