// Package sqlite keeps calls in a SQLite file: the write path of the embedded
// default Store.
//
// In: Batches of package sink. Out: a database that any SQL client reads, also
// while it is written. Its tables and views are in package schema.
// May import: the standard library, modernc.org/sqlite, internal/histogram,
// sink, sink/spool, sink/sqlite/image, sink/sqlite/btree and sink/sqlite/schema. The query side
// (package query) must not import this package, nor this package the query side.
//
// Calls go to partitions of 100,000 rows, later ones of more, or of a twelfth of
// the time that they are kept. The one that takes new rows has indexes of traces
// and errors, whose entries come in order and cost little; that of functions, which
// would cost half as much as the row, is made of whole pages when a partition is closed. A
// partition goes as a whole when it has expired. What has to be fast over all of
// them is in the rollups, which are written with the calls.
package sqlite
