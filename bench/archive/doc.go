// Package archive tests the archive of package sink/archive against an S3 server:
// what that takes is not for the main module's go.mod.
package archive
