// Package filter reads the query language of docs/api.md: which calls somebody
// wants to see, as in
//
//	fn:store.* status:err dur:>5ms arg.id=42 under:Checkout since:10m "limit breach"
//
// In: text. Out: a Query, a list of terms of which all must hold, or an Error
// with its position. It knows nothing of how calls are stored: each store makes
// of a Query what it can answer.
// May import: the standard library.
package filter
