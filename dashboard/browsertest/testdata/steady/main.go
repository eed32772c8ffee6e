// Steady makes a call fifty times a second, and is in another one all the time,
// until it is interrupted: what a test watches and controls.
package main

import (
	"context"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	attend(ctx, "the door")
}

//monitor:trace group=steady
func attend(ctx context.Context, what string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			beat(n)
		}
	}
}

//monitor:trace group=steady
func beat(n int) (twice int) { return 2 * n }
