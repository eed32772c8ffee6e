package query_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// The rollups say what the calls do, within their precision.
func TestRolledFunctions(t *testing.T) {
	r := newRecording(t)
	run := r.run(1, "s")
	for i := uint64(1); i <= 500; i++ {
		r.write(run, false, [2]uint64{i * i, 0})
	}
	db := r.open()
	for name, f := range map[string]query.Filter{"all": {}, "session": {Session: "s"}, "other session": {Session: "t"}, "one": {Function: "Work"},
		"other": {Function: "Play"}, "since": {Since: time.Unix(0, 1)}, "later": {Since: time.Unix(1_900_000_000, 0)}} {
		want, err := db.Functions(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		got, exact, err := db.RolledFunctions(context.Background(), f)
		if err != nil || exact || len(got) != len(want) {
			t.Fatalf("%s: %d functions, want %d; exact %v, %v", name, len(got), len(want), exact, err)
		}
		for i, w := range want {
			g := got[i]
			for _, q := range [][2]time.Duration{{g.P50, w.P50}, {g.P95, w.P95}, {g.P99, w.P99}} {
				if math.Abs(float64(q[0]-q[1])) > float64(q[1])/64 {
					t.Errorf("%s: %s has a quantile of %v, want %v", name, w.Process, q[0], q[1])
				}
			}
			w.P50, w.P95, w.P99 = g.P50, g.P95, g.P99
			if g != w || g.Calls != 500 {
				t.Errorf("%s: %+v, want %+v", name, g, w)
			}
		}
	}
}
