package sqlite

import (
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	for text, want := range map[string]int64{"off": -1, "1MiB": 1 << 20, "20GiB": 20 << 30, "1048576": 1 << 20, "2048KiB": 1 << 21, "2097152B": 1 << 21, "3TiB": 3 << 40,
		"": 0, "1KiB": 0, "-5GiB": 0, "x": 0, "10 GiB": 0, "9223372036854775807TiB": 0, "5GB": 0} {
		got, err := ParseSize(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"off": -1, "90m": 90 * time.Minute, "1m": time.Minute, "": 0, "5": 0, "59s": 0, "-6h": 0} {
		got, err := ParseAge(text)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("ParseAge(%q) = %v, %v", text, got, err)
		}
	}
	env := map[string]string{AgeVariable: "12h", SizeVariable: "off"}
	if r, err := RetentionFromEnv(func(name string) string { return env[name] }); err != nil || r != (Retention{Age: 12 * time.Hour, Size: -1}) {
		t.Errorf("%+v, %v", r, err)
	}
	env[AgeVariable] = "soon"
	if _, err := RetentionFromEnv(func(name string) string { return env[name] }); err == nil {
		t.Error("an age of soon is taken")
	}
}
