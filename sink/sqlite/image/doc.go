// Package image builds a SQLite database of one table and its indexes in memory,
// a row after the other, for SQLite to copy into another one.
//
// In: rows in the order of their keys, column by column, and entries of indexes in
// that of each index. Out: a file of a read-only file system that a connection
// attaches.
// May import: the standard library and modernc.org/sqlite/vfs.
//
// INSERT INTO main.t SELECT * FROM image.t between tables of equal columns copies
// whole rows: SQLite takes the record as it is and does not look at its columns
// (the "xfer optimization" of its insert.c). So a row costs neither a statement
// that is bound, stepped and reset, nor a call for each column. Where both tables
// have an index, its entries are copied likewise, in their order. The database that
// is written to is SQLite's work alone: what this package makes is thrown away
// after each batch. The layout is that of https://www.sqlite.org/fileformat2.html.
package image
