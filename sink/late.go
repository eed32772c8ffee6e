package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// registerWait is how long a late Store waits for its package to be initialised.
const registerWait = time.Second

// late is a Store whose package has not registered itself yet: a program may turn
// recording on before all its packages are initialised, in an order that nobody
// chooses. It becomes the Store with its first operation.
type late struct {
	address *Address
	since   time.Time
	store   Store // nil as long as it is not known
}

var (
	_ Forwarder  = (*late)(nil)
	_ Maintainer = (*late)(nil)
)

// open opens the Store when its package is there by now.
func (l *late) open(ctx context.Context) (err error) {
	for l.store == nil {
		if open, known := opener(l.address.url.Scheme); known {
			l.store, err = open(l.address)
			return l.address.Hide(err)
		}
		if time.Since(l.since) > registerWait {
			return fmt.Errorf("%s: the store is not linked into this program: import _ \"github.com/monitorgen/monitorgen/%s\", or leave storing to monitorgen agent",
				l.address, storePackages[l.address.url.Scheme])
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (l *late) String() string { return l.address.String() }

func (l *late) Run(ctx context.Context, info *spool.Info) (RunID, []spool.Position, error) {
	if err := l.open(ctx); err != nil {
		return 0, nil, err
	}
	return l.store.Run(ctx, info)
}

func (l *late) Write(ctx context.Context, b *Batch) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	return l.store.Write(ctx, b)
}

// Name is "" for a Store that keeps positions.
func (l *late) Name() string {
	if f, ok := l.store.(Forwarder); ok {
		return f.Name()
	}
	return ""
}

func (l *late) Maintain(ctx context.Context) (bool, error) {
	if m, ok := l.store.(Maintainer); ok {
		return m.Maintain(ctx)
	}
	return false, nil
}

func (l *late) Close() error {
	if l.store == nil {
		return nil
	}
	return l.store.Close()
}
