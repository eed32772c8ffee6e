package btree

import (
	"bytes"
	"testing"
)

// That SQLite reads what is laid out is tested by package sqlite, which puts it where
// SQLite finds it.

func TestEntriesThatAreRefused(t *testing.T) {
	for _, size := range []int{0, 3, maxEntry + 1} {
		if err := New(4096).Append(make([]byte, size)); err == nil {
			t.Errorf("an entry of %d bytes was taken", size)
		}
	}
}

func TestNumbersOfOtherCount(t *testing.T) {
	x := New(4096)
	if n := x.Finish(); n != 1 {
		t.Fatalf("an empty index has %d pages", n)
	}
	if err := x.Write([]uint32{1, 2}, nil); err == nil {
		t.Error("two numbers were taken for a page")
	}
}

// Each entry stands once in the pages, whatever their size.
func TestEachEntryOnce(t *testing.T) {
	for _, pageSize := range []int{512, 4096, 65536} {
		x := New(pageSize)
		const count = 5000
		record := func(i int) []byte { return []byte{'<', byte('a' + i/400), byte(i / 20 % 20), byte(i % 20), '>'} }
		for i := range count {
			if err := x.Append(record(i)); err != nil {
				t.Fatal(err)
			}
		}
		numbers := make([]uint32, x.Finish())
		for i := range numbers {
			numbers[i] = uint32(i + 7)
		}
		var all []byte
		if err := x.Write(numbers, func(_ uint32, data []byte) error { all = append(all, data...); return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range count {
			if n := bytes.Count(all, record(i)); n != 1 {
				t.Fatalf("pages of %d bytes: entry %d is there %d times", pageSize, i, n)
			}
		}
	}
}
