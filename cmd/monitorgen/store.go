package main

import (
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/sink"
	_ "github.com/monitorgen/monitorgen/sink/clickhouse"
	_ "github.com/monitorgen/monitorgen/sink/otlp"
	_ "github.com/monitorgen/monitorgen/sink/postgres"
)

// storeFlagText is what -h says of -store.
const storeFlagText = "also send calls to the store with this `URL` (docs/scale.md); may be repeated; $MONITOR_STORE if not named. Without -db and $MONITOR_DB, in place of a database"

// storeNames names stores for people; db is the database that is one of them perhaps.
func storeNames(stores []sink.Store, db string) (names []string) {
	for _, s := range stores {
		if named, ok := s.(fmt.Stringer); ok {
			names = append(names, named.String())
		} else {
			names = append(names, db)
		}
	}
	return names
}

func closeAll(stores []sink.Store) {
	for _, s := range stores {
		s.Close() // what is stored is: there is nobody to tell
	}
}

// stores opens those that a command line names, or else the environment.
func (e *env) stores(named list) ([]sink.Store, error) {
	text := strings.Join(named, " ")
	if text == "" {
		text = e.getenv(sink.StoreVariable)
	}
	return sink.OpenStores(text)
}
