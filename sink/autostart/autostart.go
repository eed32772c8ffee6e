package autostart

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// flushTimeout bounds Flush.
const flushTimeout = 5 * time.Second

// started is the sink of this program; nil when there is none.
var started *sink.Sink

func init() {
	if os.Getenv("MONITOR") == "off" {
		return
	}
	s, err := start(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "monitorgen: not recording: %v\n", err)
		return
	}
	started = s
}

// start starts the sink for what MONITOR_STORE and MONITOR_DB name. The packages of
// stores may not be initialised yet.
func start(ctx context.Context) (*sink.Sink, error) {
	o := sink.Options{Signals: signals()}
	if sink.DrainedElsewhere() {
		return sink.Start(ctx, o)
	}
	stores, err := sink.OpenStores(os.Getenv(sink.StoreVariable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sink.StoreVariable, err)
	}
	if len(stores) > 0 && os.Getenv("MONITOR_DB") == "" {
		o.Store, o.Also, o.Spool = stores[0], stores[1:], sink.SpoolOf(database())
		return sink.Start(ctx, o)
	}
	o.Also = stores
	return sqlite.Start(ctx, database(), o)
}

func database() string {
	if name := os.Getenv("MONITOR_DB"); name != "" {
		return name
	}
	return "monitor.db"
}

// Flush returns when every call that had ended before it was called is stored,
// and what dead programs left in the same spool, or after five seconds. A
// failure is a line on standard error: what is not stored stays in the spool.
func Flush() {
	if started == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	err := started.Flush(ctx)
	if err == nil {
		err = started.Recover(ctx)
		if ctx.Err() != nil {
			return // there is much; our own calls are stored
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "monitorgen: %v\n", err)
	}
}
