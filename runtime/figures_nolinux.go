//go:build !linux

package runtime

import "github.com/monitorgen/monitorgen/internal/wire"

func residentBytes() uint64 { return wire.Unknown }
