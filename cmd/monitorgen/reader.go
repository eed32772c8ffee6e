package main

import (
	"context"
	"strings"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/sink"
	postgres "github.com/monitorgen/monitorgen/sink/postgres/query"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// reader is what commands ask of recorded calls, wherever they are.
type reader interface {
	dashboard.Repository
	Newest(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error)
	Errors(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error)
	Functions(ctx context.Context, f query.Filter) ([]query.FunctionStats, error)
	RolledFunctions(ctx context.Context, f query.Filter) (all []query.FunctionStats, counted bool, err error)
	Close() error
}

// serverText is what the help of commands that read says of servers.
const serverText = `or URL is that of a PostgreSQL
that agents send calls to (docs/scale.md).`

// nameOf is what a file or URL is called for people: without credentials.
func nameOf(name string) string {
	if !isURL(name) {
		return name
	}
	if address, err := sink.ParseAddress(name); err == nil {
		return address.String()
	}
	return "URL"
}

// namesOf is nameOf of all.
func namesOf(all []string) []string {
	names := make([]string, len(all))
	for i, name := range all {
		names[i] = nameOf(name)
	}
	return names
}

// isURL tells the address of a server from the name of a file.
func isURL(name string) bool { return strings.Contains(name, "://") }

// openReader opens what the first argument names for reading: a file, or the URL of
// a server. When it cannot, it says why and returns nil.
func (e *env) openReader(ctx context.Context, name string) reader {
	if name == "" {
		if named := e.getenv("MONITOR_DB"); isURL(named) {
			name = named
		}
	}
	if !isURL(name) {
		if db := e.openDatabase(ctx, name); db != nil {
			return db
		}
		return nil
	}
	address, err := sink.ParseAddress(name)
	if err != nil {
		e.failf("%v", err)
		return nil
	}
	switch scheme := address.URL().Scheme; scheme {
	case "postgres", "postgresql":
		db, err := postgres.Open(ctx, address)
		if err != nil {
			e.failf("%v", err)
			return nil
		}
		return db
	default:
		e.failf("%s cannot be read; files can, and postgres://", address)
		return nil
	}
}
