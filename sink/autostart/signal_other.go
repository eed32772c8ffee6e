//go:build !unix

package autostart

import "os"

// signals is empty where a program cannot send itself a signal.
func signals() []os.Signal { return nil }
