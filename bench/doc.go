// Bench measures a recorded call beside the same work done by others: an
// OpenTelemetry span, a zerolog line, a slog line, and a region with a log of
// runtime/trace. It is a module of its own so that these are nobody's
// dependencies. scripts/bench hot builds it by monitorgen and runs it.
//
// In: flags. Out: a table of nanoseconds a call and ratios to the floor: two
// readings of the clock that the recorder uses, and a copy of 100 bytes.
package main
