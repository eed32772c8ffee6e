package control

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// Process is a process that records into the spool.
type Process struct {
	Info      spool.Info
	Functions []*spool.Function // of the packages that it has called so far
}

// Running returns the processes that record into a spool folder now, none where
// there is no folder.
func Running(folder string) ([]Process, error) {
	ids, err := spool.List(folder)
	if err != nil {
		return nil, err
	}
	var running []Process
	for _, id := range ids {
		alive, err := spool.Alive(folder, id)
		if err != nil {
			return nil, err
		}
		if !alive {
			continue
		}
		functions, info, err := spool.ReadFunctions(folder, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", id, err)
		}
		running = append(running, Process{Info: info, Functions: functions})
	}
	return running, nil
}

// tell rings the bells of the processes that record into a spool folder.
func tell(folder string) (Told, error) {
	running, err := Running(folder)
	if err != nil {
		return Told{}, fmt.Errorf("the settings are written; tell running processes: %w", err)
	}
	var told Told
	for _, p := range running {
		if ring(p.Info) == nil {
			told.Processes++
		} else {
			told.Deaf = append(told.Deaf, p.Info.PID)
		}
	}
	return told, nil
}
