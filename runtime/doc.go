// Package runtime is what instrumented programs link: it takes a call in when
// it starts and writes one record of it to the spool when it ends.
//
// In: calls from generated code. Out: the spool files that docs/format.md
// describes, in the folder that MONITOR_SPOOL or Options.Spool names.
// May import: the standard library and internal/wire. It has to compile with
// the language of Go 1.20.
//
// Programs use Start, Stop, Flush, Stats and RunID, Go, NewContext and FromContext
// with Origin's Join and Leave, and Mask, or none of them: naming a spool in the
// environment is enough. All other names are there for generated code and may
// change with it; Generation ties the two together. Tests that assert on recorded
// calls use package monitortest.
//
// # Environment
//
// Read once, when the program starts. A value that cannot be understood is
// named in one line on standard error, and the default holds.
//
//	MONITOR           off: record nothing, whatever else says so (default on)
//	MONITOR_SPOOL     folder of the spool; recording is on when it is set
//	MONITOR_SPOOL_MAX bound of the normal lane: 64MiB, 1GiB, bytes (default 64MiB)
//	MONITOR_OVERFLOW  drop or wait: what a full normal lane does to a call (default drop)
//	MONITOR_SAMPLE    share of calls to keep, 0 to 1, of functions whose directive says nothing
//	MONITOR_INFLIGHT  off: calls are not seen before they have ended (default on)
//	MONITOR_CONSOLE   1: a [MONITOR] line on standard error for every recorded call
//	MONITOR_SESSION   any text: the same for all processes of one monitorgen run or test
//
// # What it does to a program
//
// No goroutine of its own, nothing on standard output, and nothing on standard
// error but what is said above and one warning when the spool cannot be
// written. A recorded call allocates nothing by itself. A panic goes on as if
// nobody had looked at it.
package runtime
