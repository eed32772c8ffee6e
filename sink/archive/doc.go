// Package archive keeps calls as Parquet files, in a folder or an S3 bucket,
// before a store deletes them, and brings them back.
//
// In: a partition of a database that takes no more rows, and the URL of a place.
// Out: one file per partition, verified: it was read back from where it lies and
// has the same rows. Or, the other way, a database made of such files.
// May import: the standard library, sink and what is below it, parquet-go and
// minio-go, which nobody else may: programs that are recorded must not need them.
//
// A file is named by when its calls were made and by what is in it:
//
//	2026/11/25/calls_20261125T120000Z_20261125T123000Z_5d41402abc4b2a76.parquet
//
// The same partition gives the same name whoever archives it and how often, and
// two that differ have different ones; so whatever dies in between, the work can
// be done again, and a file that is there already is compared rather than
// written. Every row stands on its own: it has its function, with the source as it
// ran, and its process, beside arguments and results. Any reader of Parquet will do.
package archive
