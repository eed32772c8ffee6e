// Package aggregate makes statistics of the cells that a store sums calls up in:
// per function, over time, as a heat map, and of two selections side by side.
//
// In: query.Cell. Out: sums with quantiles, steps of time, heat maps, comparisons.
// May import: the standard library, internal/histogram and the types of sink/sqlite/query.
package aggregate
