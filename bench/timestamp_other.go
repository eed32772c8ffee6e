//go:build !amd64

package main

func timestamp() int64 { return 0 }

func usesTimestamp() bool { return false }
