package sink

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Address is the URL of a Store. Its String holds no credentials.
type Address struct {
	url    *url.URL
	hidden []string // what must not be shown
}

// DefaultStoreRetention is how long a Store with an Address keeps calls where the
// Address does not say.
const DefaultStoreRetention = 30 * 24 * time.Hour

// ParseAddress reads a URL. Errors do not hold the text: it may have a password in it.
func ParseAddress(text string) (*Address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || !strings.Contains(text, "://") || strings.ContainsAny(text, " \t\r\n") {
		return nil, errors.New("a store is named by a URL, as postgres://user@host/database; this is none (special characters in a password are written as %XX)")
	}
	a := &Address{url: u}
	if u.User != nil {
		password, _ := u.User.Password()
		a.hide(password)
		if raw, _, ok := strings.Cut(text[strings.Index(text, "://")+3:], "@"); ok {
			_, raw, _ = strings.Cut(raw, ":")
			a.hide(raw)
		}
	}
	for key, values := range u.Query() {
		if strings.Contains(key, "password") {
			for _, v := range values {
				a.hide(v)
				a.hide(url.QueryEscape(v))
			}
		}
	}
	return a, nil
}

func (a *Address) hide(secret string) {
	if secret != "" {
		a.hidden = append(a.hidden, secret)
	}
}

// URL returns a copy of the URL, credentials included.
func (a *Address) URL() *url.URL {
	u := *a.url
	return &u
}

// String returns the address for people: scheme, host and path.
func (a *Address) String() string {
	return a.url.Scheme + "://" + a.url.Host + a.url.Path
}

// Loopback reports whether the host is this one, without asking a name server.
func (a *Address) Loopback() bool {
	name := a.url.Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// Hide takes the credentials out of an error's text. Errors that it hides nothing
// in stay as they are.
func (a *Address) Hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range a.hidden {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// Retention returns how long calls are kept: the query parameter retention, a
// duration of an hour or more, or off, for which it is 0.
func (a *Address) Retention() (time.Duration, error) {
	switch text := a.url.Query().Get("retention"); text {
	case "":
		return DefaultStoreRetention, nil
	case "off":
		return 0, nil
	default:
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Hour {
			return 0, fmt.Errorf("%s: retention=%s is no duration of an hour or more, as 720h, nor off", a, text)
		}
		return d, nil
	}
}
