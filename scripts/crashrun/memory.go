//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// littleMemory is what a victim gets that is to run out of it, in bytes.
const littleMemory = 96 << 20

// withLittleMemory wraps a command so that it runs in a memory cgroup of its own,
// of version 1 or 2. It returns errNotHere where none can be made.
func withLittleMemory(args []string) (wrapped []string, release func(), err error) {
	for _, v := range []struct{ root, limit, swap string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max"},
	} {
		group := filepath.Join(v.root, fmt.Sprintf("monitorgen-crash-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(group, v.limit), []byte(strconv.Itoa(littleMemory)), 0) != nil {
			os.Remove(group)
			continue
		}
		swap := "0"
		if strings.Contains(v.swap, "memsw") { // there it is memory and swap together
			swap = strconv.Itoa(littleMemory)
		}
		os.WriteFile(filepath.Join(group, v.swap), []byte(swap), 0) // there may be no swap to limit
		join := []string{"sh", "-c", `echo $$ > "$0"/cgroup.procs && exec "$@"`, group}
		return append(join, args...), func() { os.Remove(group) }, nil
	}
	return nil, nil, fmt.Errorf("%w: no memory cgroup can be made", errNotHere)
}
