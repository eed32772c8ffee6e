package control

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
)

func TestMatches(t *testing.T) {
	const process, pkg, name = "desk.(*Desk).Price", "example.com/a/desk", "(*Desk).Price"
	for pattern, want := range map[string]bool{
		"desk.(*Desk).Price": true, "(*Desk).Price": true, "example.com/a/desk.(*Desk).Price": true,
		"desk.*": true, "*": true, "*.Price": true, "example.com/*Price": true, "*Desk*Price": true, "**": true,
		"Price": false, "desk.(*Desk).Pric": false, "desk.(*Desk).Prices": false, "desk": false, "": false, "*desk.": false,
		"(*Desk).Price*x": false,
	} {
		if got := Matches(pattern, process, pkg, name); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

func TestSettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	tenth := 0.1
	told, err := Change(dir, func(s *Settings) {
		s.Set(9, Setting{Level: Off})
		s.Set(3, Setting{Level: Full, Sample: &tenth})
		s.Set(9, Setting{Level: Args})
		s.Set(5, Setting{Level: Timing})
		s.Reset(5)
		s.Reset(4)
	})
	if err != nil || told.Processes != 0 || told.Deaf != nil {
		t.Fatalf("%+v, %v", told, err)
	}
	s, err := Read(dir)
	if err != nil || !slices.Equal(s.Keys(), []uint64{3, 9}) {
		t.Fatalf("%v, %v", s.Keys(), err)
	}
	if got, ok := s.Of(9); !ok || got.Level != Args || got.Sample != nil {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := s.Of(3); !ok || got.Level != Full || got.Sample == nil || *got.Sample != tenth {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := s.Of(4); ok || got.Level != Full {
		t.Errorf("%+v, %v", got, ok)
	}
	if info, err := os.Stat(filepath.Join(dir, wire.ControlFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
	if _, err := Change(dir, func(s *Settings) { s.Reset(3); s.Reset(9) }); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%d files without a setting", len(entries))
	}
}

func TestDamagedSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, wire.ControlFile), []byte("off"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v", err)
	}
	if _, err := Change(dir, func(s *Settings) { s.Set(1, Setting{Level: Off}) }); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(dir); err != nil || !slices.Equal(s.Keys(), []uint64{1}) {
		t.Errorf("%v, %v", s, err)
	}
}

// No change is lost when several are made at once.
func TestChangesAtOnce(t *testing.T) {
	dir := t.TempDir()
	const each, at = 20, 8
	var all sync.WaitGroup
	for i := range at {
		all.Go(func() {
			for j := range each {
				if _, err := Change(dir, func(s *Settings) { s.Set(uint64(i*each+j+1), Setting{Level: Off}) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if s, err := Read(dir); err != nil || len(s.Keys()) != each*at {
		t.Errorf("%d settings, %v", len(s.Keys()), err)
	}
}

func TestLevelNames(t *testing.T) {
	for _, level := range []Level{Off, Timing, Args, Full} {
		if got, err := ParseLevel(LevelName(level)); err != nil || got != level {
			t.Errorf("%s: %v, %v", LevelName(level), got, err)
		}
	}
	if _, err := ParseLevel("none"); err == nil {
		t.Error("none is a level")
	}
}
