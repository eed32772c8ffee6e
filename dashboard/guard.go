package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard decides who may ask. It stands in front of every route.
type guard struct {
	hosts  []string // names and addresses that a Host may have, in lower case
	token  string   // "" for none
	origin *http.CrossOriginProtection
	next   http.Handler
}

// headers are on every answer: no script but ours, no frame around us, nothing
// guessed, nothing told to other sites.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	if !g.allowedHost(r.Host) {
		// A page of another site whose name was pointed at us (DNS rebinding).
		writeProblem(w, refuse(http.StatusForbidden, "the host %q is not served here; -host allows one", r.Host))
		return
	}
	if g.token != "" && !g.authorised(w, r) {
		return
	}
	if err := g.origin.Check(r); err != nil {
		writeProblem(w, refuse(http.StatusForbidden, "%v", err))
		return
	}
	if changes(r.Method) && !isJSON(r.Header.Get("Content-Type")) && r.Method != http.MethodDelete {
		writeProblem(w, refuse(http.StatusUnsupportedMediaType, "send Content-Type: application/json"))
		return
	}
	if isUpgrade(r) && !sameOrigin(r) {
		writeProblem(w, refuse(http.StatusForbidden, "the origin %q is not this server", r.Header.Get("Origin")))
		return
	}
	g.next.ServeHTTP(w, r)
}

// allowedHost takes the names that are served, at any port: a tunnel may use another one.
func (g *guard) allowedHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return slices.Contains(g.hosts, name)
}

// authorised takes the token from a header or the cookie. One in the URL is
// swapped for the cookie, so that it does not stay in history and logs.
func (g *guard) authorised(w http.ResponseWriter, r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && equal(token, g.token) {
		return true
	}
	if c, err := r.Cookie(g.cookieName()); err == nil && equal(c.Value, g.cookieValue()) {
		return true
	}
	query := r.URL.Query()
	if token := query.Get("token"); token != "" && equal(token, g.token) && r.Method == http.MethodGet && !isUpgrade(r) {
		http.SetCookie(w, &http.Cookie{Name: g.cookieName(), Value: g.cookieValue(), Path: "/", HttpOnly: true,
			Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
		query.Del("token")
		target := *r.URL
		target.Scheme, target.Host, target.RawQuery = "", "", query.Encode()
		// One slash: two would name another host.
		target.Path = "/" + strings.TrimLeft(target.Path, "/\\")
		target.RawPath = ""
		http.Redirect(w, r, target.String(), http.StatusSeeOther)
		return false
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	writeProblem(w, refuse(http.StatusUnauthorized, "a token is needed: open the URL that monitorgen serve printed"))
	return false
}

// equal compares in a time that does not depend on where the texts differ.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// The cookie is not the token, and its name tells servers of one host apart.
func (g *guard) cookieValue() string {
	sum := sha256.Sum256([]byte("monitorgen cookie " + g.token))
	return hex.EncodeToString(sum[:])
}

func (g *guard) cookieName() string {
	sum := sha256.Sum256([]byte("monitorgen name " + g.token))
	return "monitorgen_" + hex.EncodeToString(sum[:4])
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// sameOrigin reports whether an upgrade comes from our own page, or from no page
// at all. Browsers send Origin with every upgrade.
func sameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return len(origins) == 1 && origins[0] == scheme+r.Host
}

// hostsOf returns the names that a server listening on a host is known by.
func hostsOf(host string, further []string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host != "" {
		hosts = append(hosts, strings.ToLower(host))
	}
	address, err := netip.ParseAddr(host)
	if host == "" || err == nil && address.IsUnspecified() {
		// Every address of this machine: none of them can be another site's name.
		addresses, _ := net.InterfaceAddrs()
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				hosts = append(hosts, prefix.Addr().String())
			}
		}
	}
	for _, h := range further {
		hosts = append(hosts, strings.ToLower(h))
	}
	return hosts
}
