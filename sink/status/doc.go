// Package status tells how the drainers of a spool folder do, also when the
// store that they fill cannot be read or written.
//
// In: a spool folder. Out: a Status for each drainer that lives. A drainer keeps
// its own in a file of fixed size there, mode 0600, that is locked while it
// lives and overwritten in place: that works on a full disk, too.
// May import: the standard library and sink/internal/flock.
package status
