package sqlite

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Environment variables that set a Retention.
const (
	AgeVariable  = "MONITOR_RETENTION"      // a duration such as 12h, or off
	SizeVariable = "MONITOR_RETENTION_SIZE" // a size such as 20GiB, or off
)

// RetentionFromEnv reads a Retention from the environment variables, os.Getenv
// for instance; those that are not set leave the defaults.
func RetentionFromEnv(getenv func(string) string) (r Retention, err error) {
	if text := getenv(AgeVariable); text != "" {
		if r.Age, err = ParseAge(text); err != nil {
			return r, fmt.Errorf("%s: %w", AgeVariable, err)
		}
	}
	if text := getenv(SizeVariable); text != "" {
		if r.Size, err = ParseSize(text); err != nil {
			return r, fmt.Errorf("%s: %w", SizeVariable, err)
		}
	}
	return r, nil
}

// off is the text for no bound.
const off = "off"

// ParseAge reads a duration of at least a minute; off is -1.
func ParseAge(text string) (time.Duration, error) {
	if text == off {
		return -1, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute {
		return 0, fmt.Errorf("%q is no duration of a minute or more, as 90m or 12h, nor %s", text, off)
	}
	return d, nil
}

// leastSize is the smallest that a database can be bounded to.
const leastSize = 1 << 20

// ParseSize reads a number of bytes, with B, KiB, MiB, GiB or TiB behind it; off
// is -1.
func ParseSize(text string) (int64, error) {
	if text == off {
		return -1, nil
	}
	number, shift := strings.TrimSuffix(text, "B"), 0
	for i, unit := range []string{"Ki", "Mi", "Gi", "Ti"} {
		if cut, ok := strings.CutSuffix(number, unit); ok {
			number, shift = cut, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift || n<<shift < leastSize {
		return 0, fmt.Errorf("%q is no size of 1MiB or more, as 500MiB or 20GiB, nor %s", text, off)
	}
	return n << shift, nil
}
