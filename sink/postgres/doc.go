// Package postgres keeps calls in PostgreSQL, and in TimescaleDB where that is
// installed. Importing it registers postgres:// and postgresql:// with
// sink.OpenStore.
//
// In: Batches of package sink. Out: tables and views with the columns that
// sink/sqlite has (schema.sql).
// May import: the standard library, github.com/jackc/pgx/v5, sink and sink/spool.
//
// A batch is one transaction: its calls are copied into a staging table and go on
// from there where they are not stored yet, by (run, call); positions go with them.
//
// Package query, below, reads what is here.
package postgres
