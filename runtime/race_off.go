//go:build !race

package runtime

// raceQuiet and raceLoud enclose what must not count as synchronisation, see
// race_on.go.
const underRace = false

func raceQuiet() {}
func raceLoud()  {}

// copyBytes is copy, see race_on.go.
func copyBytes(to, from []byte) { copy(to, from) }

// copyString is copy, see race_on.go.
func copyString(to []byte, from string) { copy(to, from) }
