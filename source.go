// Package monitorgen carries the source of the packages that instrumented
// programs link, so that the overlay commands can add them to the build of a
// module that does not require monitorgen, without a network.
//
// In: nothing. Out: RuntimeSource. May import: embed.
package monitorgen

import "embed"

// RuntimeSource holds the folders runtime and internal/wire of this module.
//
//go:embed runtime internal/wire
var RuntimeSource embed.FS
