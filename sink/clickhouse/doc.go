// Package clickhouse keeps calls in ClickHouse, by its HTTP interface.
//
// In: batches of calls. Out: rows in tables whose keys make what comes twice one
// row, and views with the columns of docs/schema.md. How far a spool is read is
// stored after the rows that were read: what comes again after a failure replaces
// what is there. docs/scale.md says for whom that is.
// May import: the standard library, and of this module what any store needs; it is
// linked into users' programs that ask for it, so no driver.
package clickhouse
