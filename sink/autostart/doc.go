// Package autostart records the program that imports it into a SQLite file:
//
//	import _ "github.com/monitorgen/monitorgen/sink/autostart"
//
// In: the environment. MONITOR_DB names the file (default monitor.db in the
// working directory), MONITOR=off turns everything off, and MONITOR_SPOOL leaves
// storing to whoever drains that folder, monitorgen run or an agent. MONITOR_STORE
// names other stores by URL, with spaces between them, whose packages the program
// imports as well; without MONITOR_DB they take the place of the file. The other
// MONITOR variables are the runtime's.
// Out: a running sink. When it cannot start, a line on standard error says why
// and the program goes on without.
// May import: the standard library, sink and sink/sqlite.
//
// # The end of the program
//
// Go has no hook for the end of a program. Nothing is lost at it: what is in
// the spool is stored when a program with the same database next starts, or by
// monitorgen recover. To have it all in the database when main returns, call
// Flush:
//
//	defer autostart.Flush()
//
// # Signals
//
// By default no signal is listened to. To store what is left at a signal, this
// package would have to catch it and send it again, and a program that shuts
// down gracefully by a handler of its own would see it twice, the second time
// perhaps as the order to stop at once. A program without such a handler can be
// run with MONITOR_SIGTERM=flush: on SIGTERM everything is stored first, and
// then the program ends as SIGTERM ends it.
package autostart
