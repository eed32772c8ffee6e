// Package flock locks files without waiting: the locks by which drainers and
// processes tell whether one another live.
//
// In: an open file. Out: whether it is locked now. The kernel gives a lock back
// when its process ends, however that comes about.
// May import: the standard library.
package flock
