package sink

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// StoreVariable is the environment variable that names Stores by URL, with spaces
// between them.
const StoreVariable = "MONITOR_STORE"

var (
	openersMu sync.Mutex
	openers   = map[string]func(*Address) (Store, error){}
)

// Register makes the Stores of a URL scheme known to OpenStore. Packages of Stores
// call it when they are linked in, as drivers of database/sql do: a program pays
// for none that it does not import. open must not wait for the engine.
func Register(scheme string, open func(*Address) (Store, error)) {
	openersMu.Lock()
	defer openersMu.Unlock()
	openers[scheme] = open
}

// storePackages are what to import for a scheme.
var storePackages = map[string]string{
	"otlp+http": "sink/otlp", "otlp+https": "sink/otlp",
	"postgres": "sink/postgres", "postgresql": "sink/postgres",
	"clickhouse": "sink/clickhouse",
}

// OpenStore returns the Store that a URL names. It does not wait for the engine:
// one that is not there is an error of the Store's operations. So is a Store whose
// package has not registered itself a second later: it is not linked in. Errors
// hold no credentials.
func OpenStore(text string) (Store, error) {
	address, err := ParseAddress(text)
	if err != nil {
		return nil, err
	}
	scheme := address.url.Scheme
	if open, known := opener(scheme); known {
		store, err := open(address)
		return store, address.Hide(err)
	}
	if storePackages[scheme] != "" {
		return &late{address: address, since: time.Now()}, nil
	}
	return nil, fmt.Errorf("%s: no store for %s://; there are %s", address, scheme, strings.Join(slices.Sorted(maps.Keys(storePackages)), "://, ")+"://")
}

// opener returns what opens the Stores of a scheme, if that is known by now.
func opener(scheme string) (open func(*Address) (Store, error), known bool) {
	openersMu.Lock()
	defer openersMu.Unlock()
	open, known = openers[scheme]
	return open, known
}

// OpenStores opens the Stores of several URLs, with spaces between them; none for
// an empty text. When one is wrong, none stays open.
func OpenStores(text string) (stores []Store, err error) {
	for _, one := range strings.Fields(text) {
		store, err := OpenStore(one)
		if err != nil {
			for _, s := range stores {
				err = errors.Join(err, s.Close())
			}
			return nil, err
		}
		stores = append(stores, store)
	}
	return stores, nil
}
