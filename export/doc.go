// Package export writes recorded calls in the formats of others: JSON lines and
// CSV, traces for Perfetto and OpenTelemetry, profiles for pprof.
//
// In: a Source, which reads calls page by page, and a filter. Out: a stream; only
// a profile is summed up in memory first. Call is also how the dashboard's API
// shows a call (docs/api.md).
// May import: the standard library, github.com/google/pprof/profile and the
// types of sink/sqlite/query.
package export
