package sink

import "maps"

// Counts says what a drainer has stored.
type Counts struct {
	Runs        int   // runs seen
	Calls       int64 // calls stored
	Errors      int64 // of these, calls that ended in an error or a panic
	Drops       int64 // calls that a full spool did not take
	Open        int64 // calls that were open when their process ended
	Bytes       int64 // of spool read
	Quarantined int   // damaged segments moved away
}

func (c *Counts) add(o Counts) {
	c.Runs += o.Runs
	c.Calls += o.Calls
	c.Errors += o.Errors
	c.Drops += o.Drops
	c.Open += o.Open
	c.Bytes += o.Bytes
	c.Quarantined += o.Quarantined
}

// Stats is what a drainer has done since it was made.
type Stats struct {
	Counts                     // all sessions together
	Sessions map[string]Counts // by MONITOR_SESSION; "" for runs without one
	Busy     int               // runs that somebody else drained at the last pass
	Failed   int               // runs that could not be read or stored at the last pass
}

func (s Stats) clone() Stats {
	s.Sessions = maps.Clone(s.Sessions)
	return s
}
