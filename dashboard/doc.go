// Package dashboard is the server of a database's page and JSON API.
//
// In: a Repository, which answers queries, and what else the server may do (rules
// of alerts, control). Out: an http.Handler that serves docs/api.md under
// /api/v1, pushes what is new over WebSocket, and serves the pages that it is given.
//
// The way of a request: guard.go (who may ask) -> a handler, one file per
// resource, which reads parameters, asks the repository and answers in JSON.
// What lies between is dashboard/aggregate (statistics) and dashboard/analyse
// (trees, graphs, groups of errors).
// May import: the query side of a store, internal/filter, and what reads its
// sink's state. It must not import what records, rewrites or writes calls.
package dashboard
