// Package browsertest drives the dashboard as a person does: the real server,
// a real database, a real Chromium. Its tests are run by scripts/test; the
// commands in it measure the dashboard's goals (scripts/bench dashboard) and
// take the documentation's pictures (scripts/screenshots).
//
// It is a module of its own, so that a browser's protocol is no requirement of
// whoever uses monitorgen.
package browsertest
