package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// drain stands for a drainer that keeps up: it frees what is complete, and stores
// nothing, so that it takes little time from what is measured. The function
// that it returns ends it.
func drain(spool string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				free(spool)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// free gives back every segment of calls that is not the last of its stream.
func free(spool string) {
	all, _ := filepath.Glob(filepath.Join(spool, "*", "[ne]-*.seg"))
	last := make(map[string]string) // by what comes before the number
	for _, path := range all {
		stream := path[:strings.LastIndex(path, "-")]
		if old := last[stream]; old != "" {
			os.Rename(old, strings.TrimSuffix(old, ".seg")+".free")
		}
		last[stream] = path
	}
}
