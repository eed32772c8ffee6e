package main

// timestamp reads the processor's time-stamp counter.
//
//go:noescape
func timestamp() int64
