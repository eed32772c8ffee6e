package sink

import monitor "github.com/monitorgen/monitorgen/runtime"

// process is package runtime as a recorder.
type process struct{}

func (process) Start(spool string) error { return monitor.Start(monitor.Options{Spool: spool}) }
func (process) RunID() string            { return monitor.RunID() }
func (process) Flush() error             { return monitor.Flush() }
func (process) Stop() error              { return monitor.Stop() }
