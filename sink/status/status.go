package status

import "time"

// State is how a drainer does, in one word.
type State string

// The states.
const (
	OK          State = "OK"           // what is recorded is stored within a moment
	Delayed     State = "DELAYED"      // it takes longer, or has failed and is tried again
	CircuitOpen State = "CIRCUIT_OPEN" // the store fails: it is left alone for a while, the spool keeps what comes
)

// The states of a circuit breaker.
const (
	Closed   = "CLOSED"
	Open     = "OPEN"
	HalfOpen = "HALF_OPEN"
)

// Status is what a drainer says of itself. It is written when something changes.
type Status struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Started time.Time `json:"started"`

	Breaker  string    `json:"breaker"` // Closed, Open or HalfOpen
	Changed  time.Time `json:"changed"` // when it became that
	Opened   int64     `json:"opened"`  // how often it has opened since Started
	Failures int64     `json:"failures"`
	// Error is the last failure of the store, cut to 200 bytes; it stays
	// after the store has recovered.
	Error string `json:"error,omitempty"`
	// Behind is since when there is a pass over the spool that has not come to
	// its end; the zero time when there is none.
	Behind time.Time `json:"behind,omitzero"`
}

// State sums a Status up.
func (s Status) State() State {
	switch {
	case s.Breaker == Open || s.Breaker == HalfOpen:
		return CircuitOpen
	case !s.Behind.IsZero():
		return Delayed
	}
	return OK
}
