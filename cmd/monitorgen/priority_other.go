//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package main

// stepBack does nothing where the standard library sets no priority.
func stepBack() {}
