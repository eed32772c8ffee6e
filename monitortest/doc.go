// Package monitortest asserts on recorded calls in tests: that a function was
// called, with what, how often, by whom, and what came of it, without a mock in
// its place.
//
//	func TestRefused(t *testing.T) {
//		rec := monitortest.Record(t)
//		newDesk().submit(order{Symbol: "NOPE"})
//		call := rec.Calls().Of("desk.(*desk).submit").One(t)
//		if call.Err == "" || call.Children().Of("pricing.Price").Len() != 0 {
//			t.Errorf("%v", call)
//		}
//	}
//
// In: a test of a program whose functions are recorded: one that monitorgen test
// runs, or whose package was generated in place. In any other, Calls skips the
// test. Out: the calls that have ended since Record.
// May import: the standard library, runtime, sink/spool and sink/control.
//
// What is recorded is the process's, not the test's: tests that record do not run
// at the same time as others that call the same functions, t.Parallel least of all.
package monitortest
