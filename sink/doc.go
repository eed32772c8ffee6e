// Package sink brings what instrumented processes recorded from their spools
// into a Store.
//
// A Drainer does so for the spools of other processes (monitorgen run, test and
// recover); Start does so within the instrumented program itself.
//
// In: a spool folder and a Store. Out: Batches, each one transaction of the
// Store that holds the calls and how far the spool is read, so that a call is
// stored exactly once whoever dies when.
// May import: the standard library, internal/wire, sink/spool and runtime;
// a Store imports this package, never the other way round.
package sink
