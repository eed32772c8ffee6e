package dashboard

import (
	"context"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Repository answers what the dashboard asks of recorded calls. *query.DB is one,
// and so is *remote.DB, of databases on servers. Its methods may be called by several goroutines at once.
type Repository interface {
	// Calls and traces.
	Calls(ctx context.Context, f query.Filter, p query.Page) ([]*query.Call, error)
	Marks(ctx context.Context, f query.Filter, step int64, from query.Marks) (query.Marks, error)
	Call(ctx context.Context, id query.CallID) (*query.Call, error)
	ByID(ctx context.Context, ids []query.CallID) ([]*query.Call, error)
	Children(ctx context.Context, id, after query.CallID, limit int) ([]*query.Call, error)
	CountChildren(ctx context.Context, root, id query.CallID) (int64, error)
	Trace(ctx context.Context, id query.CallID) (query.CallID, error)
	Spans(ctx context.Context, root query.CallID) (spans []query.Span, truncated bool, err error)
	Failures(ctx context.Context, f query.Filter, limit int) ([]query.Failure, error)
	Taken(ctx context.Context, f query.Filter, calls []*query.Call) ([]*query.Call, error)

	// Sums.
	Cells(ctx context.Context, f query.Filter, step time.Duration, visit func(*query.Cell)) (rolled bool, err error)
	Links(ctx context.Context, f query.Filter) (links []query.Link, rolled bool, err error)
	Bounds(ctx context.Context, f query.Filter) (first, last int64, err error)
	Count(ctx context.Context) (int64, error)

	// What was recorded, and how that went.
	AllFunctions(ctx context.Context) ([]query.Function, error)
	FunctionByID(ctx context.Context, id int64) (*query.Function, error)
	Runs(ctx context.Context) ([]query.Run, error)
	Figures(ctx context.Context, run int64) (*query.Figures, error)
	Drops(ctx context.Context) (map[int64]int64, error)
	SinkStats(ctx context.Context) ([]query.Stat, error)

	// SQL.
	SQL(ctx context.Context, statement string, limit int) (*query.Table, error)
	Explain(ctx context.Context, f query.Filter) (statement string, args []any, err error)

	// Follow returns the calls that are stored from now on.
	Follow(ctx context.Context) (query.Follower, error)
	// Path is the file, or the address, for people.
	Path() string
}
