// Package schema says what a database of monitorgen looks like: its embedded
// migrations, its version, and how to tell it from any other file.
//
// In: the path of a file, or an open connection. Out: a verdict, or a database
// brought up to Version.
// May import: the standard library only. Both sides of the store use it, the
// write path (package sqlite) and the query side (package query).
//
// Names that SQL of other people may rely on are the views process_trace,
// data_trace, open_calls, rollups, edges, functions, runs, drops, process_figures,
// sink_stats and calls; the tables behind them may change with Version.
package schema
