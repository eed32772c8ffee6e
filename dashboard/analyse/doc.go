// Package analyse finds the shape of what was recorded: trees and flames of
// traces, graphs of who calls whom, groups of errors, values that stand still,
// the tokens of source text.
//
// In: spans, links, failures and calls of sink/sqlite/query. Out: what a page
// draws, in names and numbers.
// May import: the standard library, and the types of sink/sqlite/query and dashboard/aggregate.
package analyse
