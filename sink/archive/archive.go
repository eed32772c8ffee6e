package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const extension = ".parquet"

// Keys of a file's metadata.
const (
	keyRows   = "monitorgen.rows"
	keySum    = "monitorgen.sha256" // over the rows
	keyFormat = "monitorgen.format"

	format = "1"
)

// rowGroup is how many rows are compressed together: memory while writing.
const rowGroup = 128 << 10

// Archive is a place with archived partitions.
type Archive struct {
	place place
	log   *slog.Logger
	// Progress is called now and then with how many rows of a partition or a file
	// are done; nil for nobody.
	Progress func(name string, rows int64)
}

// Open opens the archive at a folder, which is made if there is none, or at
// s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME. The bucket has to exist;
// its credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN of the environment, read anew for each request and kept
// nowhere. getenv is os.Getenv; a nil log is for nobody.
func Open(target string, getenv func(string) string, log *slog.Logger) (*Archive, error) {
	p, err := openPlace(target, getenv)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Archive{place: p, log: log, Progress: func(string, int64) {}}, nil
}

// String is the folder or the URL, without its query.
func (a *Archive) String() string { return a.place.String() }

// List returns the files of the archive, oldest calls first.
func (a *Archive) List(ctx context.Context) ([]Entry, error) {
	entries, err := a.place.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list archive %s: %w", a, err)
	}
	slices.SortFunc(entries, func(x, y Entry) int { return cmp.Compare(x.Name, y.Name) })
	return entries, nil
}

// step is where a test kills the process.
var step = func(string) {}

// Keep archives a table of calls that takes no more rows, and returns the name
// of its file. When it returns, the file is in its place and was read back: the
// rows may go. It may be called again with the same table, also at the same time.
func (a *Archive) Keep(ctx context.Context, database, table string) (name string, err error) {
	name, err = a.keep(ctx, database, table)
	if err != nil {
		return "", fmt.Errorf("archive %s of %s in %s: %w", table, database, a, err)
	}
	return name, nil
}

// Archive is Keep, as a database that deletes what has expired calls it first.
func (a *Archive) Archive(ctx context.Context, p sqlite.Expired) error {
	_, err := a.Keep(ctx, p.Path, p.Table)
	return err
}

var _ sqlite.Archiver = (*Archive)(nil)

func (a *Archive) keep(ctx context.Context, database, table string) (string, error) {
	file, err := scratch()
	if err != nil {
		return "", err
	}
	defer discard(file)
	step("scratch")
	w, err := a.encode(ctx, file, database, table)
	if err != nil {
		return "", err
	}
	name := w.name()
	step("encoded")
	switch err := a.verify(ctx, name, w.sum); {
	case err == nil:
		a.log.Info("archived already", "table", table, "file", name)
		return name, nil
	case !errors.Is(err, fs.ErrNotExist):
		a.log.Warn("an archived file is not what it should be and is written again", "file", name, "error", err)
	}
	step("missing")
	if err := a.place.put(ctx, name, file); err != nil {
		return "", err
	}
	step("put")
	if err := a.verify(ctx, name, w.sum); err != nil {
		return "", fmt.Errorf("what was written is not what is read: %w", err)
	}
	step("verified")
	a.log.Info("archived", "table", table, "file", name, "rows", w.sum.rows)
	return name, nil
}

// written is what encode has seen.
type written struct {
	sum         *sum
	first, last int64 // when the first call began, and the last one
}

// nameTime is a time in a name.
const nameTime = "20060102T150405Z"

func (w written) name() string {
	first, last := time.Unix(0, w.first).UTC(), time.Unix(0, w.last).UTC()
	return path.Join(first.Format("2006/01/02"),
		fmt.Sprintf("calls_%s_%s_%.16s%s", first.Format(nameTime), last.Format(nameTime), w.sum, extension))
}

// encode writes a table as a Parquet file.
func (a *Archive) encode(ctx context.Context, file io.Writer, database, table string) (written, error) {
	source, err := openSource(ctx, database, table)
	if err != nil {
		return written{}, err
	}
	defer source.close()
	w := written{sum: newSum()}
	to := parquet.NewGenericWriter[row](file, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup), parquet.CreatedBy("monitorgen", "", ""))
	rows := make([]row, 1)
	for source.next(ctx, &rows[0]) {
		r := &rows[0]
		w.sum.add(r)
		if w.sum.rows == 1 {
			w.first, w.last = r.TS, r.TS
		}
		w.first, w.last = min(w.first, r.TS), max(w.last, r.TS)
		if _, err := to.Write(rows); err != nil {
			return written{}, err
		}
		a.Progress(table, w.sum.rows)
	}
	if source.err != nil {
		return written{}, source.err
	}
	to.SetKeyValueMetadata(keyFormat, format)
	to.SetKeyValueMetadata(keyRows, strconv.FormatInt(w.sum.rows, 10))
	to.SetKeyValueMetadata(keySum, w.sum.String())
	return w, to.Close()
}

// verify reads a file from its place and compares it with the rows that it
// should have.
func (a *Archive) verify(ctx context.Context, name string, want *sum) error {
	got := newSum()
	if err := a.read(ctx, name, func(rows []row) error {
		for i := range rows {
			got.add(&rows[i])
		}
		a.Progress("verify "+path.Base(name), got.rows)
		return nil
	}); err != nil {
		return err
	}
	if got.rows != want.rows || got.String() != want.String() {
		return fmt.Errorf("%s has %d rows with the checksum %.16s, not %d with %.16s", name, got.rows, got, want.rows, want)
	}
	return nil
}

// read gives the rows of a file to take, many at a time; they are valid until it
// returns.
func (a *Archive) read(ctx context.Context, name string, take func([]row) error) (err error) {
	content, err := a.place.get(ctx, name)
	if err != nil {
		return err
	}
	defer content.Close()
	defer func() {
		if r := recover(); r != nil { // parquet-go on a damaged file
			err = fmt.Errorf("%s: %v", name, r)
		}
	}()
	file, err := parquet.OpenFile(content, content.size())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got, _ := file.Lookup(keyFormat); got != format {
		return fmt.Errorf("%s: format %q, this build reads %s", name, got, format)
	}
	from := parquet.NewGenericReader[row](file)
	defer from.Close()
	rows := make([]row, 1024)
	for {
		n, err := from.Read(rows)
		if n > 0 {
			if err := take(rows[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// sumInName is the checksum of the rows as far as it is in a file's name.
func sumInName(name string) string {
	base := strings.TrimSuffix(path.Base(name), extension)
	return base[strings.LastIndexByte(base, '_')+1:]
}

// Span returns between which times, to the second, the calls of a file began;
// ok is false for a file that is not of an archive.
func (e Entry) Span() (first, last time.Time, ok bool) {
	parts := strings.Split(strings.TrimSuffix(path.Base(e.Name), extension), "_")
	if len(parts) != 4 || parts[0] != "calls" {
		return first, last, false
	}
	first, err1 := time.Parse(nameTime, parts[1])
	last, err2 := time.Parse(nameTime, parts[2])
	return first, last, err1 == nil && err2 == nil
}
