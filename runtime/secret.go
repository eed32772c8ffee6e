package runtime

import "strings"

const masked = "***"

// secretWords are parts of names whose values are not kept, underscores and
// hyphens left out.
var secretWords = []string{"passw", "passphrase", "pwd", "secret", "token", "apikey", "authorization",
	"credential", "privatekey", "accesskey", "bearer", "cookie"}

// maskedArguments returns the command line with what its names call secret
// masked: -token=x, --token x, TOKEN=x, and the password in a URL.
func maskedArguments(args []string) []string {
	out := make([]string, len(args))
	next := false // the argument is the value of a secret flag
	for i, arg := range args {
		name, _, hasValue := strings.Cut(arg, "=")
		switch {
		case i == 0:
			out[i] = arg
		case next && !strings.HasPrefix(arg, "-"):
			out[i], next = masked, false
		case isSecretName(name) && hasValue:
			out[i], next = name+"="+masked, false
		default:
			out[i] = maskedURL(arg)
			next = strings.HasPrefix(arg, "-") && isSecretName(name)
		}
	}
	return out
}

func isSecretName(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// secretKeyBytes is how much of a key is looked at.
const secretKeyBytes = 256

// SecretKey reports whether the value of a map that has this key is a secret: the
// key is called as secrets are. For generated code.
//
//go:norace
func (e *Encoder) SecretKey(key string) bool {
	var plain [secretKeyBytes]byte // without what isSecretName leaves out, in lower case
	n := 0
	for i := 0; i < len(key) && n < len(plain); i++ {
		c := key[i]
		if c == '-' || c == '_' {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		plain[n] = c
		n++
	}
	for _, word := range secretWords {
		for i := 0; i+len(word) <= n; i++ {
			if string(plain[i:i+len(word)]) == word {
				return true
			}
		}
	}
	return false
}

// maskedURL masks the password of scheme://user:password@host.
func maskedURL(text string) string {
	from := strings.Index(text, "://")
	if from < 0 {
		return text
	}
	from += len("://")
	authority := text[from:]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return text
	}
	colon := strings.IndexByte(authority[:at], ':')
	if colon < 0 {
		return text
	}
	return text[:from+colon+1] + masked + text[from+at:]
}
