package runtime_test

import (
	"context"
	"testing"

	monitor "github.com/monitorgen/monitorgen/runtime"
)

// What is started by Go, and what a worker does for a context's call, has that
// call as parent, whether it has ended or not.
func TestGoAndContext(t *testing.T) {
	outer, inner, worker := newKey(), newKey(), newKey()
	r := recording(t, monitor.Options{}, func() {
		goOn, done := make(chan struct{}), make(chan struct{})
		jobs := make(chan context.Context, 2)
		record(outer, "", 1, func() error {
			monitor.Go(func() {
				defer close(done)
				<-goOn
				record(inner, "", 2, nothing)
			})
			jobs <- monitor.NewContext(context.Background())
			return nil
		})
		close(goOn)
		<-done
		jobs <- monitor.NewContext(context.Background()) // of no call
		worked := make(chan struct{})
		go func() {
			defer close(worked)
			for range 2 {
				ctx := <-jobs
				func() {
					defer monitor.FromContext(ctx).Join().Leave()
					record(worker, "", 3, nothing)
				}()
			}
		}()
		<-worked
	})
	o := r.one(t, outer)
	if c := r.one(t, inner); c.parent != o.id || c.trace != o.id || c.depth != 1 || c.routine == o.routine {
		t.Errorf("by Go: %+v, the call is %+v", c, o)
	}
	jobs := r.of(worker)
	if len(jobs) != 2 || jobs[0].parent != o.id || jobs[0].trace != o.id || jobs[1].parent != 0 || jobs[1].trace != jobs[1].id {
		t.Errorf("by a context: %+v, the call is %+v", jobs, o)
	}
}

// Without a recording a context is passed on as it is, and Go starts f itself.
func TestContextWithoutRecording(t *testing.T) {
	ctx := context.Background()
	if got := monitor.NewContext(ctx); got != ctx {
		t.Errorf("%v", got)
	}
	if o := monitor.FromContext(ctx); o != (monitor.Origin{}) {
		t.Errorf("%+v", o)
	}
	done := make(chan struct{})
	monitor.Go(func() { close(done) })
	<-done
	if n := testing.AllocsPerRun(100, func() { monitor.NewContext(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
