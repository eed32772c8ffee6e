// Package overlay holds the functions whose recording is measured, in the form
// that an overlay gives them: they are recorded when the program is built by
// monitorgen build.
package overlay
