// Package rewrite turns Go source that carries //monitor: directives into Go
// source that records its calls.
//
// In: package patterns and the options of a command. Out: a Plan (which
// functions are recorded, which are not and why, or diagnostics), and from the
// plan either files changed in place (one marked line per function and a
// generated companion beside them) or the overlay that the go command reads
// (byte edits that move no line, nothing written into the module).
//
// The way through the package, left to right:
//
//	Load      load.go        packages, syntax and types; text as it was before monitorgen changed it; cgo.go files
//	                         of which the compiler sees something else
//	Plan      directive.go   comments to directives, option.go their options, diagnostic.go what is wrong
//	          plan.go        which functions (not those of assembly.go), with what names and options, or the reason why not
//	          literal.go     function literals with a directive; spawn.go, handover.go what runs on other goroutines
//	Emit      companion.go   the generated file: two functions for each recorded one
//	          encode.go      statements that encode a value of a static type
//	Edit      edit.go        byte edits inside the user's files
//	Write     inplace.go     through dave/dst, checked by reverting; revert.go is the way back
//	          overlay.go     through the go command's -overlay; runtimemod.go adds the runtime to the build,
//	                         vendor.go where there is a vendor folder, cover.go makes the edits once more
//	                         in what the cover tool writes
//	          build.go       the whole way for an overlay build, with what was remembered from the last one:
//	                         listing.go which packages there are, export.go their types, recorded.go what became of them
//
// May import: golang.org/x/tools/go/packages, golang.org/x/mod/modfile,
// github.com/dave/dst and internal/manifest. Never runtime or sink: what they
// need travels through the generated text.
package rewrite
