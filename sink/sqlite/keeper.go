package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/owned"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// DefaultCheck is how long a Keeper looks for damage when it opens a database
// that is there already.
const DefaultCheck = 250 * time.Millisecond

// KeeperOptions configure Keep. The zero value is fine.
type KeeperOptions struct {
	Options
	// Check bounds the look for damaged pages when the database is opened; what
	// is not found by then is when it is met. 0 is DefaultCheck; a gigabyte takes
	// some seconds. The whole is looked at, whatever this says, after a failure
	// that suggests damage.
	Check  time.Duration
	Logger *slog.Logger // nil: what is done about a database is a line on standard error
}

// Keeper is a Store that outlives the file it writes. A database that was removed
// is begun anew; one that was replaced by another of monitorgen's is gone on with;
// a damaged one is set aside under another name; after failures that stay with a
// connection there is a new one. Each of these is an error of one operation, after
// which the Drainer comes again with the same calls: none is lost and, within one
// file, none is there twice.
type Keeper struct {
	path    string
	options KeeperOptions

	store   *Store // nil while there is none
	file    os.FileInfo
	log     os.FileInfo // of the file's log; nil while there is none
	size    int64       // the largest that the file was
	suspect bool        // the file may be damaged: look at the whole of it

	last sink.RunID
	runs map[sink.RunID]sink.RunID // what the Drainer was told, and what it is in store
}

var (
	_ sink.Store      = (*Keeper)(nil)
	_ sink.Maintainer = (*Keeper)(nil)
	_ sink.Paced      = (*Keeper)(nil)
)

// Keep opens the database at path as OpenWith does, and keeps it open. It fails
// where a person is needed, with errors as those of Open: the file is not
// monitorgen's, of a newer version, or cannot be there. A database that cannot be
// opened now, being locked for instance, is tried again with each operation.
func Keep(ctx context.Context, path string, o KeeperOptions) (*Keeper, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if o.Check <= 0 {
		o.Check = DefaultCheck
	}
	k := &Keeper{path: path, options: o}
	if err := k.open(ctx); err != nil {
		if hopeless(err) {
			return nil, err
		}
		k.say(slog.LevelWarn, "the database cannot be opened yet, the spool keeps what is recorded", "error", err)
	}
	return k, nil
}

// hopeless tells errors that time does not mend.
func hopeless(err error) bool {
	for _, e := range []error{schema.ErrNotOurs, schema.ErrNewer, owned.ErrForeign, fs.ErrNotExist, fs.ErrPermission, context.Canceled} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// say logs what is done.
func (k *Keeper) say(level slog.Level, what string, args ...any) {
	if k.options.Logger != nil {
		k.options.Logger.Log(context.Background(), level, what, append([]any{"database", k.path}, args...)...)
		return
	}
	text := "monitorgen: " + k.path + ": " + what
	for i := 0; i+1 < len(args); i += 2 {
		text += fmt.Sprintf("; %v: %v", args[i], args[i+1])
	}
	fmt.Fprintln(os.Stderr, strings.ReplaceAll(text, "\n", " "))
}

// open opens the file, and makes it if there is none.
func (k *Keeper) open(ctx context.Context) error {
	was, _ := os.Lstat(k.path)
	store, err := OpenWith(ctx, k.path, k.options.Options)
	if err == nil {
		was = store.file
		if err = k.check(ctx, store); err != nil {
			store.Close()
		}
	}
	if damaged(err) && !k.suspect {
		// An I/O error looks like damage, too: it is looked at once more.
		k.suspect = true
		return err
	}
	if damaged(err) || k.suspect && errors.Is(err, schema.ErrNotOurs) {
		return errors.Join(err, k.setAside(was, err))
	}
	if err != nil {
		return err
	}
	k.store, k.file, k.size, k.suspect = store, store.file, store.file.Size(), false
	k.log, _ = os.Lstat(k.path + "-wal")
	k.runs = map[sink.RunID]sink.RunID{}
	return nil
}

// errDamaged says that quick_check found something.
var errDamaged = errors.New("the database is damaged")

// check looks for damaged pages, for some time.
func (k *Keeper) check(ctx context.Context, store *Store) error {
	bounded, stop := ctx, func() {}
	if !k.suspect {
		bounded, stop = context.WithTimeout(ctx, k.options.Check)
	}
	defer stop()
	var found string
	err := store.conn.QueryRowContext(bounded, "PRAGMA main.quick_check(1)").Scan(&found)
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return nil // so far it is good
	case err != nil:
		return fmt.Errorf("check database %s: %w", k.path, err)
	case found != "ok":
		return fmt.Errorf("check database %s: %w: %s", k.path, errDamaged, found)
	}
	return nil
}

// damaged tells errors of a file that is not to be written any more.
func damaged(err error) bool {
	return errors.Is(err, errDamaged) || code(err) == sqlite3.SQLITE_CORRUPT || code(err) == sqlite3.SQLITE_NOTADB
}

// code is SQLite's primary result code, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// setAside gives a damaged database and its companions another name. Others may
// do so at the same time: who meets a file that is not the damaged one puts it back.
func (k *Keeper) setAside(was os.FileInfo, reason error) error {
	if now, err := os.Lstat(k.path); err != nil || was == nil || !os.SameFile(now, was) {
		return nil // somebody else did
	}
	aside := k.path + time.Now().UTC().Format(".damaged-20060102T150405.000000000Z")
	if err := os.Rename(k.path, aside); err != nil {
		return fmt.Errorf("set a damaged database aside: %w", err)
	}
	if is, err := os.Lstat(aside); err == nil && !os.SameFile(is, was) {
		return os.Link(aside, k.path)
	}
	// The file first: its log belongs to nobody once it is gone from here.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(k.path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set a damaged database aside: %w", err)
		}
	}
	k.suspect = false
	k.say(slog.LevelError, "the database is damaged and set aside, a new one goes on", "kept", aside, "error", reason)
	return nil
}

// letGo closes the store: the next operation opens one.
func (k *Keeper) letGo() {
	if k.store != nil {
		k.store.Close() // what it says does not matter any more
		k.store = nil
	}
}

// look compares the file with the one that is open.
func (k *Keeper) look() error {
	now, err := os.Stat(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.say(slog.LevelWarn, "the database was removed, a new one goes on")
		k.forgetLog()
	case err != nil:
		return fmt.Errorf("look at the database: %w", err)
	case !os.SameFile(now, k.file):
		k.say(slog.LevelWarn, "the database was replaced, the new file goes on")
		k.forgetLog()
	case now.Size() < k.size:
		k.suspect = true
		k.say(slog.LevelWarn, "the database has become smaller, and is looked at", "bytes", now.Size(), "before", k.size)
	default:
		k.size = now.Size()
		if k.log == nil {
			k.log, _ = os.Lstat(k.path + "-wal")
		}
		return nil
	}
	k.letGo()
	return fmt.Errorf("%s: %w", k.path, errChanged)
}

// forgetLog removes the log of a database that is not at the path any more, unless
// that is another one by now: SQLite would take it for that of the file at the
// path, and write its pages there.
func (k *Keeper) forgetLog() {
	if now, err := os.Lstat(k.path + "-wal"); err == nil && k.log != nil && os.SameFile(now, k.log) {
		os.Remove(k.path + "-wal")
		os.Remove(k.path + "-shm")
	}
}

var errChanged = errors.New("the database is not the file that it was")

// do does an operation on the store, and what follows from its failure.
func (k *Keeper) do(ctx context.Context, operation func(*Store) error) error {
	if k.store != nil {
		// That the file has changed is known before anything fails: go on at once.
		if err := k.look(); err != nil && !errors.Is(err, errChanged) {
			return err
		}
	}
	if k.store == nil {
		if err := k.open(ctx); err != nil {
			return err
		}
	}
	err := operation(k.store)
	switch {
	case err == nil || errors.Is(err, sink.ErrUnknownRun):
		return err
	case damaged(err):
		k.suspect = true // the whole is looked at when it is opened next
		k.letGo()
		return err
	}
	switch code(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_MISUSE:
		k.suspect = k.suspect || code(err) == sqlite3.SQLITE_IOERR
		k.letGo()
	}
	return err
}

// Run is Store.Run. A run has another number after each opening.
func (k *Keeper) Run(ctx context.Context, info *spool.Info) (id sink.RunID, positions []spool.Position, err error) {
	err = k.do(ctx, func(s *Store) (err error) {
		var inStore sink.RunID
		if inStore, positions, err = s.Run(ctx, info); err != nil {
			return err
		}
		k.last++
		id = k.last
		k.runs[id] = inStore
		return nil
	})
	return id, positions, err
}

// Write is Store.Write. A run that was made known to another file is unknown.
func (k *Keeper) Write(ctx context.Context, b *sink.Batch) error {
	return k.do(ctx, func(s *Store) error {
		inStore, known := k.runs[b.Run]
		if !known {
			return fmt.Errorf("%s: %w", k.path, sink.ErrUnknownRun)
		}
		told := b.Run
		b.Run = inStore
		err := s.Write(ctx, b)
		b.Run = told
		if err == nil && b.Ended {
			delete(k.runs, told)
		}
		return err
	})
}

// Maintain is Store.Maintain, while there is a store.
func (k *Keeper) Maintain(ctx context.Context) (more bool, err error) {
	if k.store == nil {
		return false, nil
	}
	err = k.do(ctx, func(s *Store) (err error) {
		more, err = s.Maintain(ctx)
		return err
	})
	return more && err == nil, err
}

// Pace is Store.Pace.
func (k *Keeper) Pace() time.Duration { return pace }

// Close closes the database.
func (k *Keeper) Close() error {
	if k.store == nil {
		return nil
	}
	err := k.store.Close()
	k.store = nil
	return err
}
