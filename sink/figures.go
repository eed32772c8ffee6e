package sink

import (
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// idleAfter is how long a process has said nothing about itself when the drainer
// asks the system how it is: it does so with its calls, once a second.
const idleAfter = 1500 * time.Millisecond

// askIdle returns how a process is that makes no calls. It has something to say
// once a second at most.
func (r *drain) askIdle() (spool.Figures, bool) {
	now := time.Now().UnixNano()
	if !r.alive || now-r.figured < int64(idleAfter) {
		return spool.Figures{}, false
	}
	r.figured = now - int64(idleAfter-time.Second)
	info, _ := r.run.Info()
	return info.FiguresNow()
}
