// Package spool reads what instrumented processes left in their spools:
// it finds the folders of runs, takes the drain lock of one, follows its
// segments while the process still writes them, and turns records into Calls
// whose values are JSON text.
//
// In: a spool folder and the positions up to which its records are stored.
// Out: Calls, Drops, new positions; segments that are stored are freed,
// damaged ones are moved to the folder quarantine.
// May import: the standard library, internal/wire and internal/manifest.
//
// The bytes are never trusted. Every length is checked against what is there,
// nesting and the size of the resulting text are bounded, and a record that
// makes no sense is a Damage, not a panic. One decoder reads one Run; different
// Runs may be read at the same time.
package spool
