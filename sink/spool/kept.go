package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// positionsSuffix ends the names of files that say how far a run is stored in a
// store that does not keep that itself.
const positionsSuffix = ".positions"

// KeepPositions keeps in the run's folder how far it is stored in the store that
// is called name, which must be fit for a file's name. A power cut can undo it.
func (r *Run) KeepPositions(name string) error {
	all := []Position{}
	for _, s := range r.streams {
		if s.started {
			all = append(all, s.at)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("keep positions: %w", err)
	}
	path := r.path(name + positionsSuffix)
	// Readers of one run have one name each: nobody else writes these.
	if err := os.WriteFile(path+positionsSuffix, text, 0o600); err != nil {
		return fmt.Errorf("keep positions: %w", err)
	}
	if err := os.Rename(path+positionsSuffix, path); err != nil {
		return fmt.Errorf("keep positions: %w", err)
	}
	return nil
}

// KeptPositions returns what KeepPositions kept, none if it kept nothing. What
// makes no sense is none, too: then calls are stored again.
func (r *Run) KeptPositions(name string) ([]Position, error) {
	text, err := os.ReadFile(r.path(name + positionsSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	var all []Position
	if json.Unmarshal(text, &all) != nil {
		return nil, nil
	}
	return all, nil
}
