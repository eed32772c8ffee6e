package runtime

import (
	"os"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// printCall prints the console line of a recorded call.
func printCall(s *site, end *ending) {
	line := "[MONITOR] " + s.process
	took := " " + time.Duration(end.took).String()
	switch {
	case end.flags&wire.FlagPanic != 0:
		line += " ERR" + took + ": panic: " + oneLine(end.text)
	case end.flags&wire.FlagError != 0:
		line += " ERR" + took + ": " + oneLine(end.text)
	default:
		line += " OK" + took
	}
	os.Stderr.WriteString(line + "\n")
}

// oneLine keeps a text from breaking the line.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(text)
}
