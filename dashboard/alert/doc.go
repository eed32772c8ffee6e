// Package alert watches recorded calls by rules: a measure of a function or a
// group over a window that passes a threshold, or a value that stands still.
//
// In: a file of rules, and a Source that sums calls up. Out: the state of each
// rule, changes of it to a history and to webhooks. The database is only read:
// rules are a file that can be committed, and the history is a file beside it.
// May import: the standard library, internal/filter, dashboard/aggregate and
// the types of sink/sqlite/query.
package alert
