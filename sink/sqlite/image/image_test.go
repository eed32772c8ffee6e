package image

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

const columns = "(id INTEGER PRIMARY KEY, n INTEGER, text TEXT)"

// attach returns a connection to an empty database that sees a table.
func attach(t *testing.T, table *Table) *sql.Conn {
	t.Helper()
	files, err := Serve(table)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "m.db"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		db.Close()
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, conn, "ATTACH ? AS image", files.URI())
	exec(t, conn, "CREATE TABLE t "+columns)
	return conn
}

func exec(t *testing.T, conn *sql.Conn, text string, args ...any) {
	t.Helper()
	if _, err := conn.ExecContext(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func scan[T any](t *testing.T, conn *sql.Conn, text string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRowContext(context.Background(), text, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

type row struct {
	key, n int64
	text   string
}

func fill(table *Table, rows []row) {
	table.Reset()
	var r Record
	for _, row := range rows {
		r.Reset()
		r.Null()
		r.Int(row.n)
		if row.text == "" {
			r.Null()
		} else {
			r.Text(row.text)
		}
		table.Append(row.key, &r)
	}
	table.Finish()
}

// wantRows compares what SQLite reads with what was appended.
func wantRows(t *testing.T, conn *sql.Conn, table string, want []row) {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), "SELECT id, n, coalesce(text, '') FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	i := 0
	for ; rows.Next(); i++ {
		var got row
		if err := rows.Scan(&got.key, &got.n, &got.text); err != nil {
			t.Fatal(err)
		}
		if i < len(want) && got != want[i] {
			t.Fatalf("%s: row %d is %d, %d, %.20q (%d bytes), want %d, %d, %.20q (%d bytes)", table, i,
				got.key, got.n, got.text, len(got.text), want[i].key, want[i].n, want[i].text, len(want[i].text))
		}
	}
	if err := rows.Err(); err != nil || i != len(want) {
		t.Errorf("%s: %d rows, want %d: %v", table, i, len(want), err)
	}
}

func TestTablesOfAllShapes(t *testing.T) {
	numbers := []int64{0, 1, -1, 2, 127, 128, -128, -129, 32767, 32768, -32769, 1<<23 - 1, 1 << 23, 1<<31 - 1, 1 << 31,
		-1 << 31, 1<<47 - 1, 1 << 47, -1<<47 - 1, math.MaxInt64, math.MinInt64}
	keys := []int64{-5, 0, 1, 127, 128, 16383, 16384, 1<<40 | 7, 1<<55 + 1, 1<<56 - 1, 1 << 56, 1<<56 + 12345, math.MaxInt64}
	shapes := map[string][]row{"empty": nil}
	for i, n := range numbers {
		shapes["numbers"] = append(shapes["numbers"], row{int64(i), n, ""})
	}
	for _, k := range keys {
		shapes["keys"] = append(shapes["keys"], row{k, 5, "x"})
	}
	for i := range 40_000 {
		shapes["many"] = append(shapes["many"], row{int64(i)*3 + 1<<40, int64(i), strings.Repeat("é", i%50)})
	}
	for i, size := range []int{50, 51, 57, 58, 8185, 65_490, 65_495, 65_500, 65_505, 65_536, 70_000, 131_000, 131_072, 500_000, 5} {
		shapes["sizes"] = append(shapes["sizes"], row{int64(i), int64(size), strings.Repeat("v", size)})
	}
	for name, rows := range shapes {
		t.Run(name, func(t *testing.T) {
			table := New(Definition{"t", "CREATE TABLE t " + columns}) // which grows as it is filled
			conn := attach(t, table)
			fill(table, rows)
			if got := scan[string](t, conn, "PRAGMA image.integrity_check"); got != "ok" {
				t.Errorf("the image: %s", got)
			}
			wantRows(t, conn, "image.t", rows)
			exec(t, conn, "INSERT INTO main.t SELECT * FROM image.t")
			wantRows(t, conn, "main.t", rows)
			if got := scan[string](t, conn, "PRAGMA main.integrity_check"); got != "ok" {
				t.Errorf("the copy: %s", got)
			}
		})
	}
}

// Within one transaction a connection sees a table as it is filled anew.
func TestFilledAgain(t *testing.T) {
	table := New(Definition{"t", "CREATE TABLE t " + columns})
	conn := attach(t, table)
	random := rand.New(rand.NewPCG(3, 4))
	var all []row
	for range 50 {
		var batch []row
		for range random.IntN(5_000) {
			batch = append(batch, row{int64(len(all) + len(batch)), random.Int64(), fmt.Sprint(random.Uint64())})
		}
		fill(table, batch)
		exec(t, conn, "BEGIN IMMEDIATE")
		exec(t, conn, "INSERT INTO main.t SELECT * FROM image.t")
		exec(t, conn, "COMMIT")
		all = append(all, batch...)
	}
	wantRows(t, conn, "main.t", all)
}

// SQLite copies rows whole: the program of the statement reads no column.
func TestRowsAreCopiedWhole(t *testing.T) {
	table := New(Definition{"t", "CREATE TABLE t " + columns})
	conn := attach(t, table)
	fill(table, []row{{1, 2, "three"}})
	exec(t, conn, "INSERT INTO main.t VALUES (7, 7, 'there already')")
	rows, err := conn.QueryContext(context.Background(), "EXPLAIN INSERT INTO main.t SELECT * FROM image.t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	copied := false
	for rows.Next() {
		var ignored sql.NullString
		var code string
		if err := rows.Scan(&ignored, &code, &ignored, &ignored, &ignored, &ignored, &ignored, &ignored); err != nil {
			t.Fatal(err)
		}
		if code == "Column" {
			t.Error("a column is read")
		}
		copied = copied || code == "RowData" || code == "RowCell"
	}
	if err := rows.Err(); err != nil || !copied {
		t.Errorf("no row is copied: %v", err)
	}
}

func FuzzVarint(f *testing.F) {
	f.Add(uint64(0))
	f.Add(uint64(1<<56 + 1))
	f.Fuzz(func(t *testing.T, v uint64) {
		b := appendVarint(nil, v)
		var got uint64
		for i, c := range b {
			if i == 8 {
				got = got<<8 | uint64(c)
			} else {
				got = got<<7 | uint64(c&0x7f)
			}
			if more := c >= 0x80 && i < 8; more != (i < len(b)-1) {
				t.Fatalf("%d is %x", v, b)
			}
		}
		if got != v || len(b) != varintSize(v) {
			t.Fatalf("%d is %x, which is %d", v, b, got)
		}
	})
}

// What is in the indexes of an image goes into those of a table that has rows.
func TestIndexes(t *testing.T) {
	for name, count := range map[string]int{"empty": 0, "one": 1, "a leaf": 1000, "many leaves": 60_000} {
		t.Run(name, func(t *testing.T) {
			table := New(Definition{"t", "CREATE TABLE t " + columns},
				Definition{"t_n", "CREATE INDEX t_n ON t (n)"}, Definition{"t_some", "CREATE INDEX t_some ON t (n) WHERE text = 'x'"})
			conn := attach(t, table)
			exec(t, conn, "CREATE INDEX n ON t (n)")
			exec(t, conn, "CREATE INDEX some ON t (n) WHERE text = 'x'")
			exec(t, conn, "INSERT INTO t VALUES (-1, 100, 'x'), (-2, -7, 'y')")
			fillIndexed(t, table, count)
			if got := scan[string](t, conn, "PRAGMA image.integrity_check"); got != "ok" {
				t.Errorf("the image: %s", got)
			}
			exec(t, conn, "INSERT INTO main.t SELECT * FROM image.t")
			if got := scan[string](t, conn, "PRAGMA main.integrity_check"); got != "ok" {
				t.Errorf("the copy: %s", got)
			}
			if got := scan[int](t, conn, "SELECT count(*) FROM t INDEXED BY n WHERE n > -100"); got != count+2 {
				t.Errorf("%d rows by the index, want %d", got, count+2)
			}
			if got := scan[int](t, conn, "SELECT count(*) FROM t INDEXED BY some WHERE text = 'x'"); got != (count+9)/10+1 {
				t.Errorf("%d rows by the partial index, want %d", got, (count+9)/10+1)
			}
		})
	}
}

// fillIndexed makes rows whose n is a third of their key, every tenth of them with a text.
func fillIndexed(t *testing.T, table *Table, count int) {
	t.Helper()
	table.Reset()
	var r Record
	for key := range int64(count) {
		r.Reset()
		r.Null()
		r.Int(key / 3)
		if key%10 == 0 {
			r.Text("x")
		} else {
			r.Null()
		}
		table.Append(key, &r)
	}
	for key := range int64(count) {
		r.Reset()
		r.Int(key / 3)
		r.Int(key)
		indexes := []*Index{table.Index(0), table.Index(1)}
		if key%10 != 0 {
			indexes = indexes[:1]
		}
		for _, index := range indexes {
			if err := index.Append(&r); err != nil {
				t.Fatal(err)
			}
		}
	}
	table.Finish()
}

func TestLargeEntriesAreRefused(t *testing.T) {
	table := New(Definition{"t", "CREATE TABLE t " + columns}, Definition{"t_text", "CREATE INDEX t_text ON t (text)"})
	var r Record
	r.Text(strings.Repeat("x", 1000))
	r.Int(1)
	if err := table.Index(0).Append(&r); err == nil {
		t.Error("an entry of a thousand bytes was taken")
	}
}
