// Package query reads databases of monitorgen: what the command line and
// whoever else wants to show recorded calls need.
//
// In: the path of a database, also one that is being written. Out: statistics
// per function, calls, trees of calls, rows of a statement. Nothing is ever
// written to the database; SQLite may leave its -wal and -shm companions beside
// a file that somebody wrote to.
// May import: the standard library, modernc.org/sqlite and sink/sqlite/schema.
// It must not import the write path: a reader needs nothing of a recorder.
package query
