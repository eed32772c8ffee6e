//go:build !(linux && (amd64 || arm64))

package runtime

// Elsewhere calls look at the control file themselves, see polls.

func makeBell([16]byte) (int, []byte) { return -1, nil }
