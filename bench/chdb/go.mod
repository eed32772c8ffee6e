// A module of its own: it needs cgo, and nothing else of monitorgen does.
module github.com/monitorgen/monitorgen/bench/chdb

go 1.26.0
