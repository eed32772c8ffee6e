// Package inplace holds the functions whose recording is measured, in the form
// that generate gives them: its companion is committed.
package inplace

//go:generate go tool monitorgen .
