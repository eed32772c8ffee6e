package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/status"
)

// Defaults of BreakerOptions.
const (
	DefaultBreakerFailures = 5
	DefaultBreakerTimeout  = 10 * time.Second
)

// BreakerOptions say when a Drainer leaves a failing Store alone.
type BreakerOptions struct {
	Failures int           // operations that fail in a row until the circuit opens; 0 is DefaultBreakerFailures
	Timeout  time.Duration // how long it is open before one operation is tried; 0 is DefaultBreakerTimeout
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	if o.Failures <= 0 {
		o.Failures = DefaultBreakerFailures
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultBreakerTimeout
	}
	return o
}

// ErrCircuitOpen says that a Store failed so often that it is left alone for a
// while. What is to be stored stays in the spool.
var ErrCircuitOpen = errors.New("the store fails and is left alone for a while; the spool keeps what is recorded")

// Breaker is what has become of the circuit breaker around a Store since the
// last Batch that the Store took.
type Breaker struct {
	State    string        // as in package status; "" when there is nothing to say
	Opened   int64         // how often it has opened
	Failures int64         // operations of the Store that failed
	Open     time.Duration // how long it was open or half open
}

// guarded is a Store behind a circuit breaker: closed, it takes all; open, after
// some failures in a row, nothing for a while; then half open, one operation,
// which decides. Its operations are not called at the same time.
type guarded struct {
	store   Store
	circuit *gobreaker.CircuitBreaker[struct{}]
	changed func(Breaker, error) // told of the sums at each change of the state, and of the last failure

	mu       sync.Mutex
	sum      Breaker   // since the beginning
	told     Breaker   // what of it the Store was told
	openedAt time.Time // the zero time when it is closed
	last     error     // the last failure
	force    bool      // operations go through whatever the state is, until one fails
}

func guard(store Store, o BreakerOptions, changed func(Breaker, error)) *guarded {
	g := &guarded{store: store, changed: changed, sum: Breaker{State: status.Closed}, told: Breaker{State: status.Closed}}
	g.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       o.Timeout,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= o.Failures },
		OnStateChange: func(_ string, _, to gobreaker.State) { g.became(to) },
		IsExcluded:    interrupted,
	})
	return g
}

// interrupted tells what is not a failure of the Store: the end of a context, and
// a run that it has to be told of again.
func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknownRun)
}

// became follows the circuit, which waits meanwhile.
func (g *guarded) became(state gobreaker.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	switch state {
	case gobreaker.StateOpen:
		g.sum.State = status.Open
		g.sum.Opened++
		if g.openedAt.IsZero() {
			g.openedAt = now
		}
	case gobreaker.StateHalfOpen:
		g.sum.State = status.HalfOpen
	case gobreaker.StateClosed:
		g.sum.State = status.Closed
		g.sum.Open += now.Sub(g.openedAt)
		g.openedAt = time.Time{}
	}
	g.changed(g.sum, g.last)
}

// ready reports whether an operation would be tried now.
func (g *guarded) ready() bool {
	open := g.circuit.State() == gobreaker.StateOpen
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.force || !open
}

// failing reports whether the last operation failed.
func (g *guarded) failing() bool {
	open := g.circuit.State() != gobreaker.StateClosed
	return open || g.circuit.Counts().ConsecutiveFailures > 0
}

// forceOnce lets operations through until one fails: a drainer that ends does not
// wait until it is time to try again.
func (g *guarded) forceOnce() {
	g.mu.Lock()
	g.force = true
	g.mu.Unlock()
}

// unanswered tells the end of a Store's own patience from that of the context: it
// is a failure of the Store, which interrupted must not see as something else.
func unanswered(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("the store does not answer in time: %v", err)
}

func (g *guarded) do(ctx context.Context, operation func() error) error {
	g.mu.Lock()
	force := g.force
	g.mu.Unlock()
	if force && g.circuit.State() == gobreaker.StateOpen {
		err := operation()
		if err != nil {
			g.mu.Lock()
			g.force = false
			g.mu.Unlock()
		}
		return err
	}
	_, err := g.circuit.Execute(func() (none struct{}, err error) {
		if err = unanswered(ctx, operation()); err != nil && !interrupted(err) {
			g.mu.Lock()
			g.last = err
			g.sum.Failures++
			g.mu.Unlock()
		}
		return none, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ErrCircuitOpen
	}
	return err
}

// Run is Store.Run. That it works proves nothing, a Store that knows the run only
// reads: its failures count, and nothing else.
func (g *guarded) Run(ctx context.Context, info *spool.Info) (id RunID, positions []spool.Position, err error) {
	if !g.ready() {
		return 0, nil, ErrCircuitOpen
	}
	if id, positions, err = g.store.Run(ctx, info); err != nil {
		err = g.do(ctx, func() error { return err })
	}
	return id, positions, err
}

// Write is Store.Write, and tells the Store of the breaker.
func (g *guarded) Write(ctx context.Context, b *Batch) error {
	return g.do(ctx, func() error {
		sum := g.news(b)
		err := g.store.Write(ctx, b)
		if err == nil {
			g.mu.Lock()
			g.told = sum
			g.mu.Unlock()
		}
		return err
	})
}

// news says in a batch what the Store has not been told, and returns the sums
// that it knows after that.
func (g *guarded) news(b *Batch) Breaker {
	g.mu.Lock()
	defer g.mu.Unlock()
	b.Breaker = Breaker{}
	if g.sum != g.told {
		b.Breaker = Breaker{
			State:    g.sum.State,
			Opened:   g.sum.Opened - g.told.Opened,
			Failures: g.sum.Failures - g.told.Failures,
			Open:     g.sum.Open - g.told.Open,
		}
	}
	return g.sum
}

// closedAgain reports whether the Store has not been told yet that the circuit is closed.
func (g *guarded) closedAgain() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sum.State == status.Closed && g.told.State != status.Closed
}
