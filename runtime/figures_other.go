//go:build !unix

package runtime

import "github.com/monitorgen/monitorgen/internal/wire"

func cpuTime() uint64 { return wire.Unknown }
