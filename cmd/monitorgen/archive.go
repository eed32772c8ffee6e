package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/monitorgen/monitorgen/sink/archive"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const archiveUsage = `usage: monitorgen archive [flags] FILE run
       monitorgen archive [flags] ls
       monitorgen archive [flags] FILE restore [NAME...]

Archive keeps calls as Parquet files, which any tool for such files reads: in a
folder, or in an S3 bucket, which has to exist.

run copies what has come to rest in the database FILE: its partitions that take
no more calls. Nothing is deleted by that; retention does, and with
MONITOR_ARCHIVE set to the same place, agent, run, test and retention delete no
partition that is not archived. What is archived already is only compared.
ls lists the files. restore makes a new database FILE of all of them, of those
that are named, or of those with calls between -from and -until.

	monitorgen archive -to /var/archive desk.db run
	monitorgen archive -to 's3://bucket/desk?endpoint=https://minio.example.com&region=eu-west-1' ls
	monitorgen archive -to /var/archive -from 2026-11-24 -until 2026-11-25T12:00:00Z old.db restore

Credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in
the environment; the URL takes none.
ls -json prints a list of {name, bytes, first, last}.
`

// archiveFlags are what the command line says.
type archiveFlags struct {
	to          string
	from, until moment
	json        bool
}

// moment is a time on the command line: a day, or RFC 3339.
type moment struct{ time.Time }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

func (m *moment) Set(text string) (err error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if m.Time, err = time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return errors.New("a time is like 2026-11-25 or 2026-11-25T12:00:00Z")
}

func runArchive(ctx context.Context, e *env, args []string) int {
	var a archiveFlags
	flags := newFlags(e, "archive", archiveUsage)
	flags.StringVar(&a.to, "to", "", "the `place` of the archive: a folder or s3://BUCKET/PREFIX?endpoint=URL&region=NAME; $MONITOR_ARCHIVE if not named")
	flags.Var(&a.from, "from", "restore: only files with calls at or after this `time`")
	flags.Var(&a.until, "until", "restore: only files with calls before this `time`")
	flags.BoolVar(&a.json, "json", false, "ls: print JSON")
	words, code, goOn := parseAnywhere(e, flags, args)
	if !goOn {
		return code
	}
	target := cmp.Or(a.to, e.getenv("MONITOR_ARCHIVE"))
	if target == "" {
		return e.failf("archive: no place is named: -to FOLDER or -to s3://BUCKET/PREFIX")
	}
	at, err := e.openArchive(target, newLogger(e.stderr, slog.LevelWarn, false))
	if err != nil {
		return e.failf("%v", err)
	}
	shown := e.progress()
	defer shown.end()
	at.Progress = func(name string, rows int64) { shown.say("%s: %s", path.Base(name), plural(rows, "call")) }
	if i := slices.IndexFunc(words, isURL); i >= 0 {
		return e.notOnServers("archive", words[i])
	}
	verb := slices.IndexFunc(words, func(w string) bool { return w == "run" || w == "ls" || w == "restore" })
	switch {
	case verb < 0 || verb > 1:
		return e.failf("archive takes FILE and run, ls or restore, not %q", words)
	case words[verb] == "ls" && verb == len(words)-1:
		return e.listArchive(ctx, at, a.json)
	case verb == 0:
		return e.failf("archive: which database? monitorgen archive FILE %s", words[verb])
	case words[verb] == "run" && len(words) == 2:
		return e.runArchiving(ctx, at, shown, e.path(words[0]))
	case words[verb] == "restore":
		return e.restore(ctx, at, shown, e.path(words[0]), words[2:], &a)
	}
	return e.failf("archive: too many words: %q", words)
}

// keeping is how long a database keeps calls, and where they go then: what
// MONITOR_RETENTION, MONITOR_RETENTION_SIZE and MONITOR_ARCHIVE say.
func (e *env) keeping(log *slog.Logger) (o sqlite.Options, err error) {
	if o.Retention, err = e.retention("", ""); err != nil {
		return o, err
	}
	if target := e.getenv("MONITOR_ARCHIVE"); target != "" {
		at, err := e.openArchive(target, log)
		if err != nil {
			return o, err
		}
		o.Archiver = at
	}
	return o, nil
}

// openArchive opens the archive at a folder, as seen from the current one, or a URL.
func (e *env) openArchive(target string, log *slog.Logger) (*archive.Archive, error) {
	if !strings.Contains(target, "://") {
		target = e.path(target)
	}
	return archive.Open(target, e.getenv, log)
}

// parseAnywhere parses flags wherever they stand, and returns the words between.
func parseAnywhere(e *env, fs *flag.FlagSet, args []string) (words []string, code int, goOn bool) {
	for {
		if code, goOn := parseFlags(e, fs, args); !goOn {
			return nil, code, false
		}
		if args = fs.Args(); len(args) == 0 {
			return words, 0, true
		}
		words, args = append(words, args[0]), args[1:]
	}
}

// archivedEntry is a file of an archive in JSON.
type archivedEntry struct {
	Name  string    `json:"name"`
	Bytes int64     `json:"bytes"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

func (e *env) listArchive(ctx context.Context, at *archive.Archive, asJSON bool) int {
	entries, err := at.List(ctx)
	if err != nil {
		return e.failf("%v", err)
	}
	list := []archivedEntry{}
	for _, entry := range entries {
		if first, last, ok := entry.Span(); ok {
			list = append(list, archivedEntry{entry.Name, entry.Size, first, last})
		}
	}
	if asJSON {
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "\t")
		if err := out.Encode(list); err != nil {
			return e.failf("%v", err)
		}
		return exitDone
	}
	if len(list) == 0 {
		fmt.Fprintf(e.stdout, "nothing is archived in %s\n", at)
		return exitDone
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIRST CALL\tLAST CALL\tBYTES\tNAME")
	for _, l := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.First.Format(time.DateTime), l.Last.Format(time.DateTime), withCommas(l.Bytes), l.Name)
	}
	w.Flush()
	return exitDone
}

// runArchiving archives what takes no more calls.
func (e *env) runArchiving(ctx context.Context, at *archive.Archive, shown *progress, db string) int {
	closed, err := archive.Closed(ctx, db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e.failf("no database %s", e.shortPath(db))
	case err != nil:
		return e.failQuery(db, err)
	}
	var rows int64
	for _, p := range closed {
		if _, err := at.Keep(ctx, db, p.Table); err != nil {
			shown.end()
			return e.failQuery(db, err)
		}
		rows += p.Rows
	}
	shown.end()
	fmt.Fprintf(e.stdout, "%s in %s archived in %s\n", plural(rows, "call"), plural(int64(len(closed)), "partition"), at)
	return exitDone
}

// restore makes a database of files: under another name until it is whole.
func (e *env) restore(ctx context.Context, at *archive.Archive, shown *progress, db string, names []string, a *archiveFlags) int {
	if _, err := os.Lstat(db); err == nil {
		return e.failf("%s exists; restore makes a new database", e.shortPath(db))
	}
	names, err := chooseArchived(ctx, at, names, a)
	if err != nil {
		return e.failf("%v", err)
	}
	if len(names) == 0 {
		fmt.Fprintf(e.stdout, "nothing to restore in %s\n", at)
		return exitDone
	}
	making := db + ".restoring"
	removeDatabase(making) // of a restore that was killed
	store, err := sqlite.OpenWith(ctx, making, sqlite.Options{Retention: sqlite.KeepAll})
	if err != nil {
		return e.failQuery(making, err)
	}
	done, err := at.Restore(ctx, store, names)
	if e := store.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(making, db)
	}
	shown.end()
	if err != nil {
		removeDatabase(making)
		return e.failf("%v", err)
	}
	fmt.Fprintf(e.stdout, "%s of %s restored into %s\n", plural(done.Calls, "call"), plural(int64(done.Files), "file"), e.shortPath(db))
	return exitDone
}

// chooseArchived returns the names of the files to restore.
func chooseArchived(ctx context.Context, at *archive.Archive, names []string, a *archiveFlags) ([]string, error) {
	entries, err := at.List(ctx)
	if err != nil {
		return nil, err
	}
	var chosen []string
	for _, entry := range entries {
		first, last, ok := entry.Span()
		named := slices.Contains(names, entry.Name) || slices.Contains(names, path.Base(entry.Name))
		if !ok || len(names) > 0 && !named || last.Add(time.Second).Before(a.from.Time) || !a.until.IsZero() && !first.Before(a.until.Time) {
			continue
		}
		chosen = append(chosen, entry.Name)
	}
	for _, name := range names {
		if !slices.ContainsFunc(entries, func(e archive.Entry) bool { return e.Name == name || path.Base(e.Name) == name }) {
			return nil, fmt.Errorf("%s is not in %s; monitorgen archive ls lists what is", name, at)
		}
	}
	return chosen, nil
}

// removeDatabase removes a database and what belongs to it.
func removeDatabase(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(path + suffix)
	}
}
