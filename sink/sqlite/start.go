package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/sink"
)

// Start records this program into the database at path, which is made when
// there is none. It is sink.Start with this package's Store; an empty
// Options.Spool is the folder beside the database.
//
// How long it keeps calls is set by environment variables, see RetentionFromEnv.
// With MONITOR_ARCHIVE it takes nothing away: this process archives nothing, and
// whoever does takes away what is archived.
// Where sink.DrainedElsewhere, the database is not opened.
func Start(ctx context.Context, path string, o sink.Options) (*sink.Sink, error) {
	path, err := filepath.Abs(path) // the program may change its folder
	if err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	if o.Spool == "" {
		o.Spool = sink.SpoolOf(path)
	}
	if !sink.DrainedElsewhere() {
		retention, err := RetentionFromEnv(os.Getenv)
		if err != nil {
			return nil, fmt.Errorf("start the sink: %w", err)
		}
		if os.Getenv("MONITOR_ARCHIVE") != "" {
			retention = KeepAll // who archives deletes
		}
		store, err := Keep(ctx, path, KeeperOptions{Options: Options{Retention: retention}, Logger: o.Logger})
		if err != nil {
			return nil, err
		}
		o.Store = store
	}
	return sink.Start(ctx, o)
}
