// Package wire holds the numbers that the writer of a spool (package runtime)
// and its reader (package sink/spool) agree on: names of files, record kinds,
// header layouts and value tags. docs/format.md explains them in prose.
//
// In: nothing. Out: constants and the struct of a package description.
// May import: the standard library only, and only what runtime may link into a
// user's program (no encoding/json, no reflect).
package wire
