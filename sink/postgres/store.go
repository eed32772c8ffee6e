package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

func init() {
	for _, scheme := range []string{"postgres", "postgresql"} {
		sink.Register(scheme, func(a *sink.Address) (sink.Store, error) { return Open(a) })
	}
}

// Bounds of the wait for a server that does not answer: for a connection, and for
// an operation, a batch of 50,000 calls for instance. An upgrade reads all calls.
const (
	connectTimeout   = 10 * time.Second
	operationTimeout = time.Minute
	upgradeTimeout   = 6 * time.Hour
)

// Store writes one database by one connection, which it makes when it is needed
// and again after a failure. It implements sink.Store and sink.Maintainer.
type Store struct {
	address   *sink.Address
	config    *pgx.ConnConfig
	retention time.Duration // 0: all is kept

	conn       *pgx.Conn // nil while there is none
	timescale  bool
	functions  map[[32]byte]known // by digest
	stacks     map[[32]byte]int64 // until when they are known to be used
	partitions map[int64]bool     // that are there, by their beginning
	looked     time.Time          // when Maintain last looked
}

// known is a function that is stored: its id, and until when it is known to be used.
type known struct{ id, used int64 }

var (
	_ sink.Store      = (*Store)(nil)
	_ sink.Maintainer = (*Store)(nil)
)

// Open returns a Store for postgres://user@host:5432/database, with the parameters
// that Config knows, and retention (sink.Address.Retention). It does not connect yet.
func Open(a *sink.Address) (*Store, error) {
	retention, err := a.Retention()
	if err != nil {
		return nil, err
	}
	config, err := Config(a)
	if err != nil {
		return nil, err
	}
	s := &Store{address: a, config: config, retention: retention}
	s.forget()
	return s, nil
}

// Config says how the server of an address is reached, by the parameters that
// libpq knows. Passwords can be in PGPASSWORD or a PGPASSFILE as well.
//
// Another host is reached by TLS with its certificate verified (sslmode=verify-full)
// unless the URL says verify-ca or require; what may go without TLS is an error.
func Config(a *sink.Address) (*pgx.ConnConfig, error) {
	u := a.URL()
	query := u.Query()
	query.Del("retention")
	if !local(a, query) {
		switch query.Get("sslmode") {
		case "":
			query.Set("sslmode", "verify-full")
		case "require", "verify-ca", "verify-full":
		default:
			return nil, fmt.Errorf("%s: sslmode=%s would send what is recorded as it is over the network: leave it out, for verify-full", a, query.Get("sslmode"))
		}
	}
	u.RawQuery = query.Encode()
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a, a.Hide(err))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "monitorgen"
	}
	return config, nil
}

// local reports whether the server is on this host.
func local(a *sink.Address, query url.Values) bool {
	host := a.URL().Hostname()
	if host == "" {
		host = query.Get("host")
	}
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || filepath.IsAbs(host) || ip != nil && ip.IsLoopback()
}

// String is the address, without credentials.
func (s *Store) String() string { return s.address.String() }

// forget is for a server that may not be what it was.
func (s *Store) forget() {
	s.functions, s.stacks, s.partitions = map[[32]byte]known{}, map[[32]byte]int64{}, map[int64]bool{}
}

// do does an operation on the connection, and closes it after a failure.
func (s *Store) do(ctx context.Context, what string, operation func(context.Context) error) (err error) {
	if s.conn == nil {
		err = s.connect(ctx)
	}
	if err == nil {
		err = within(ctx, operationTimeout, operation)
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, sink.ErrUnknownRun) {
		s.letGo()
	}
	return fmt.Errorf("%s: %s: %w", s, what, s.address.Hide(err))
}

// within does an operation, which gets a bound of time.
func within(ctx context.Context, bound time.Duration, operation func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return operation(ctx)
}

func (s *Store) letGo() {
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.conn.Close(ctx) // it has failed: what it says does not matter any more
		s.conn = nil
	}
	s.forget()
}

// transaction runs do in a transaction.
func (s *Store) transaction(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.conn, do)
}

// Run makes a run known and returns where its reading goes on.
func (s *Store) Run(ctx context.Context, info *spool.Info) (id sink.RunID, positions []spool.Position, err error) {
	args, err := json.Marshal(append([]string{}, info.Args...))
	if err != nil {
		return 0, nil, err
	}
	err = s.do(ctx, "make run "+info.ID+" known", func(ctx context.Context) error {
		_, err := s.conn.Exec(ctx, `INSERT INTO monitor_runs
			(uuid, started_ns, last_ns, pid, host, program, args, go_version, os, module, session)
			VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (uuid) DO NOTHING`,
			info.ID, info.Start, info.PID, clean(info.Host), clean(info.Program), cleanJSON(string(args)), clean(info.Go), clean(info.OS), clean(info.Module), clean(info.Session))
		if err != nil {
			return err
		}
		if err := s.conn.QueryRow(ctx, "SELECT run_id FROM monitor_runs WHERE uuid = $1", info.ID).Scan(&id); err != nil {
			return err
		}
		positions, err = s.positions(ctx, id)
		return err
	})
	return id, positions, err
}

func (s *Store) positions(ctx context.Context, id sink.RunID) ([]spool.Position, error) {
	rows, err := s.conn.Query(ctx, `SELECT lane, shard, segment, "offset" FROM monitor_positions WHERE run_id = $1`, int64(id))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (spool.Position, error) {
		var lane, shard, segment, offset int64
		err := row.Scan(&lane, &shard, &segment, &offset)
		return spool.Position{Lane: wire.Lane(lane), Shard: uint32(shard), Segment: uint32(segment), Offset: uint64(offset)}, err
	})
}

// Close closes the connection.
func (s *Store) Close() error {
	s.letGo()
	return nil
}
