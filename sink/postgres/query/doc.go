// Package query reads calls from PostgreSQL.
//
// In: the address of a database that sink/postgres writes. Out: a remote.DB, which
// answers what sink/sqlite/query answers of a file. Connections are read only:
// nothing is ever written.
// May import: the standard library, github.com/jackc/pgx/v5, sink, sink/postgres
// (for how a server is reached) and sink/remote. It is linked into the tool, not
// into programs of users.
package query
