package control

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// Level says what is recorded of a function's calls.
type Level = wire.Level

// The levels. At every level but Off errors and panics are recorded with their
// text, also those of calls that a sample left out. Off means nothing at all: an
// error of such a function is seen only where a caller returns it.
const (
	Off    = wire.LevelOff
	Timing = wire.LevelTiming // neither arguments nor results
	Args   = wire.LevelArgs   // arguments, no results
	Full   = wire.LevelFull   // all that the directive says
)

// levels by the names that people use.
var levels = map[string]Level{"off": Off, "timing": Timing, "args": Args, "full": Full}

// ParseLevel reads off, timing, args or full.
func ParseLevel(text string) (Level, error) {
	level, ok := levels[text]
	if !ok {
		return 0, fmt.Errorf("no level %q; there are off, timing, args and full", text)
	}
	return level, nil
}

// LevelName is the inverse of ParseLevel.
func LevelName(level Level) string {
	for name, l := range levels {
		if l == level {
			return name
		}
	}
	return fmt.Sprintf("level %d", level)
}

// Setting is what is asked for one function.
type Setting struct {
	Level Level
	// Sample is the share of calls that are kept, 0 to 1, in place of what the
	// directive's sample= and rate= say; nil leaves it to the directive.
	Sample *float64
}

// Settings are those of all functions, by key. A function without one is
// recorded as its directive says.
type Settings struct {
	entries []wire.ControlEntry // by ascending keys
}

// Of returns the setting of a function; false says that there is none: Full, and
// the directive's sample.
func (s *Settings) Of(key uint64) (Setting, bool) {
	e, ok := wire.FindControl(s.entries, key)
	if !ok {
		return Setting{Level: Full}, false
	}
	setting := Setting{Level: e.Level}
	if e.HasSample {
		share := shareOf(e.Sample)
		setting.Sample = &share
	}
	return setting, true
}

// Keys returns the functions that have a setting.
func (s *Settings) Keys() []uint64 {
	keys := make([]uint64, len(s.entries))
	for i, e := range s.entries {
		keys[i] = e.Key
	}
	return keys
}

// Set gives a function a setting. It panics for a sample that is not a share
// from 0 to 1.
func (s *Settings) Set(key uint64, setting Setting) {
	e := wire.ControlEntry{Key: key, Level: setting.Level}
	if setting.Sample != nil {
		if !(*setting.Sample >= 0 && *setting.Sample <= 1) {
			panic(fmt.Sprintf("control: a sample of %v", *setting.Sample))
		}
		e.HasSample, e.Sample = true, sampleOf(*setting.Sample)
	}
	at, found := s.find(key)
	if found {
		s.entries[at] = e
	} else {
		s.entries = slices.Insert(s.entries, at, e)
	}
}

// Reset takes the setting of a function away.
func (s *Settings) Reset(key uint64) {
	if at, found := s.find(key); found {
		s.entries = slices.Delete(s.entries, at, at+1)
	}
}

func (s *Settings) find(key uint64) (int, bool) {
	return slices.BinarySearchFunc(s.entries, key, func(e wire.ControlEntry, key uint64) int { return cmp.Compare(e.Key, key) })
}

// sampleOf is the share as the file has it: of 2^64.
func sampleOf(share float64) uint64 {
	if share >= 1 {
		return math.MaxUint64
	}
	return uint64(share * (1 << 32) * (1 << 32))
}

func shareOf(sample uint64) float64 {
	if sample == math.MaxUint64 {
		return 1
	}
	return float64(sample) / (1 << 32) / (1 << 32)
}

// ErrDamaged says that the control file is not one, or of another version.
// Processes leave what is in force as it is.
var ErrDamaged = errors.New("the control file makes no sense")

// Read returns the settings that are in force in a spool folder, none where
// there is no file. The error wraps ErrDamaged for one that cannot be understood.
func Read(spool string) (*Settings, error) {
	f, err := os.Open(filepath.Join(spool, wire.ControlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &Settings{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer f.Close()
	const most = wire.ControlHeaderSize + wire.MaxControlEntries*wire.ControlEntrySize
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	entries, ok := wire.ParseControl(text)
	if !ok {
		return nil, fmt.Errorf("read settings: %s: %w", f.Name(), ErrDamaged)
	}
	return &Settings{entries}, nil
}

// Told says what became of a change.
type Told struct {
	Processes int   // that run and were told: they take it up at their next call of a recorded function
	Deaf      []int // pids of those that run and could not be told
}

// Change reads the settings of a spool folder, lets change do with them what it
// wants, writes them and tells the running processes. Without any setting left
// the file is removed. One that makes no sense is replaced. The folder is made if
// there is none.
//
// Changes made at the same time come one after the other.
func Change(spool string, change func(*Settings)) (Told, error) {
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return Told{}, fmt.Errorf("change settings: %w", err)
	}
	release, err := lockFolder(spool)
	if err != nil {
		return Told{}, fmt.Errorf("change settings: %w", err)
	}
	defer release()
	settings, err := Read(spool)
	if errors.Is(err, ErrDamaged) {
		settings, err = &Settings{}, nil
	}
	if err != nil {
		return Told{}, err
	}
	change(settings)
	if len(settings.entries) > wire.MaxControlEntries {
		return Told{}, fmt.Errorf("change settings: %d functions, %d are the most", len(settings.entries), wire.MaxControlEntries)
	}
	if err := settings.write(spool); err != nil {
		return Told{}, fmt.Errorf("change settings: %w", err)
	}
	return tell(spool)
}

// write replaces the file as a whole.
func (s *Settings) write(spool string) error {
	path := filepath.Join(spool, wire.ControlFile)
	if len(s.entries) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.CreateTemp(spool, "."+wire.ControlFile+"-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(wire.AppendControl(nil, s.entries))
	err = errors.Join(err, f.Close()) // a power cut may leave it empty: then no setting is in force
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Matches tells whether a pattern means a function: its process name, its name
// with or without the package's path, or a pattern with * for any text, of one of
// these.
func Matches(pattern string, process, pkg, name string) bool {
	for _, text := range []string{process, name, pkg + "." + name} {
		if matches(pattern, text) {
			return true
		}
	}
	return false
}

func matches(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	// Methods have a * in their name: (*Desk).Price.
	for text = text[len(first):]; ; text = text[1:] {
		if matches(rest, text) {
			return true
		}
		if text == "" {
			return false
		}
	}
}
