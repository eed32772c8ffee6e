//go:build unix

package owned

import (
	"os"
	"syscall"
)

func ownerOf(info os.FileInfo) (id int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
