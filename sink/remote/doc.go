// Package remote reads calls from stores that are database servers, by SQL: what
// package sink/sqlite/query is for a file.
//
// In: an Engine, which runs statements on one server and spells what dialects of
// SQL spell differently. Out: a DB, with the methods and the answers that
// sink/sqlite/query.DB has.
// May import: the standard library, internal/filter, internal/histogram and
// sink/sqlite/query, whose types (Call, Filter, Cell, Link and so on) are the
// vocabulary of everything that reads.
//
// The vocabulary stays where it is. Whoever links this package shows calls, and
// reads SQLite as well; the stores that programs of users link, such as
// sink/postgres, import neither.
//
// Tables are those of sink/postgres/schema.sql: monitor_calls, by run_id and
// call_id, and so on. What a table of sums would answer and is not there is summed up
// from the calls.
package remote
