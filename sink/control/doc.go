// Package control changes what running programs record: for each function
// nothing, timing, arguments or everything, and which share of its calls.
//
// In: a spool folder, and settings by function. Out: the control file of that
// folder, which every process that records there obeys, those that start later
// included; and a ring for those that run, which take it up at their next call.
// docs/format.md has both.
// May import: the standard library, internal/wire and sink/spool. It needs no
// database: the command line and the dashboard, which have one, put together
// what is running and what was recorded.
package control
