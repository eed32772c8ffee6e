//go:build !linux

package control

import (
	"errors"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// ring has nothing to do: processes look at the file by themselves.
func ring(info spool.Info) error {
	if info.Bell != "" {
		return errors.New("bells are for Linux")
	}
	return nil
}
