package main

import (
	"context"
	"strings"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/sink"
	postgres "github.com/monitorgen/monitorgen/sink/postgres/query"
)

// reader is what commands ask of recorded calls, wherever they are.
type reader interface {
	dashboard.Repository
	Close() error
}

// isURL tells the address of a server from the name of a file.
func isURL(name string) bool { return strings.Contains(name, "://") }

// openReader opens what the first argument names for reading: a file, or the URL of
// a server. When it cannot, it says why and returns nil.
func (e *env) openReader(ctx context.Context, name string) reader {
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
