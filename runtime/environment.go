package runtime

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// environment is what the MONITOR* variables say.
type environment struct {
	off      bool
	showNone bool // open calls are not shown
	session  string
	options  Options // Spool is empty when MONITOR_SPOOL is
}

// fromEnvironment is read once: what a program does to its environment later is
// meant for others.
var fromEnvironment = readEnvironment(os.Getenv)

func readEnvironment(get func(string) string) environment {
	e := environment{session: get("MONITOR_SESSION")}
	e.options.Spool = get("MONITOR_SPOOL")
	variable := func(name, want, fallback string, set func(string) bool) {
		if v := get(name); v != "" && !set(v) {
			warn("%s=%q is not %s; %s", name, v, want, fallback)
		}
	}
	variable("MONITOR", "on or off", "it is taken as on", func(v string) bool {
		e.off = v == "off"
		return v == "off" || v == "on"
	})
	variable("MONITOR_SPOOL_MAX", "a size such as 64MiB", "the bound is 64MiB", func(v string) (ok bool) {
		e.options.SpoolMax, ok = parseSize(v)
		return ok
	})
	variable("MONITOR_OVERFLOW", "drop or wait", "calls are dropped when the spool is full", func(v string) bool {
		if v == "wait" {
			e.options.Overflow = Wait
		}
		return v == "drop" || v == "wait"
	})
	variable("MONITOR_SAMPLE", "a share from 0 to 1", "every call is kept", func(v string) bool {
		share, err := strconv.ParseFloat(v, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return false
		}
		e.options.Sample = share
		if share == 0 {
			e.options.Sample = NoSample
		}
		return true
	})
	variable("MONITOR_INFLIGHT", "on or off", "open calls are shown", func(v string) bool {
		e.showNone = v == "off"
		return v == "off" || v == "on"
	})
	variable("MONITOR_CONSOLE", "1 or 0", "nothing is printed", func(v string) bool {
		on, err := strconv.ParseBool(v)
		e.options.Console = on
		return err == nil
	})
	return e
}

// units are those of parseSize, the longer of two that end alike first.
var units = []struct {
	name string
	size int64
}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1}, {"", 1}}

// parseSize reads 64MiB, 1GB, 65536 and the like; it is never 0.
func parseSize(text string) (int64, bool) {
	upper := strings.ToUpper(strings.TrimSpace(text))
	for _, unit := range units {
		number, found := strings.CutSuffix(upper, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/unit.size {
			return 0, false
		}
		return n * unit.size, true
	}
	return 0, false
}

// warn prints one line on standard error.
func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "monitorgen: "+format+"\n", args...)
}
