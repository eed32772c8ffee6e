package clickhouse

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

func nothing(string) string { return "" }

func openAddress(t *testing.T, text string, o Options) (*Store, error) {
	t.Helper()
	a, err := sink.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(a, o)
	return s, a.Hide(err)
}

// dialTo has all connections made to one address.
func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ url, want, endpoint string }{
		{"clickhouse://me:canary@db.example/x", "", "https://db.example:8443/?database=x&wait_end_of_query=1"},
		{"clickhouse://db.example:9443", "", "https://db.example:9443/?wait_end_of_query=1"},
		{"clickhouse://localhost/x?retention=off", "", "http://localhost:8123/?database=x&wait_end_of_query=1"},
		{"clickhouse://[::1]:8124/a%26b", "", "http://[::1]:8124/?database=a%26b&wait_end_of_query=1"},
		{"clickhouse://127.0.0.1/?tls=on", "", "https://127.0.0.1:8443/?wait_end_of_query=1"},
		{"clickhouse:///x", "the host is missing", ""},
		{"clickhouse://me:canary@db.example/x?tls=off", "would send what is recorded as it is", ""},
		{"clickhouse://me:canary@db.example/x?tls=canary", "tls is on or off", ""},
		{"clickhouse://me:canary@db.example/x/y", "without further slashes", ""},
		{"clickhouse://db.example/x?password=canary", "user and password stand before the host", ""},
		{"clickhouse://db.example/x?user=me", "user and password stand before the host", ""},
		{"clickhouse://db.example/x?query=DROP", "the store's own", ""},
		{"clickhouse://db.example/x?default_format=CSV", "the store's own", ""},
		{"clickhouse://db.example/x?wait_for_async_insert=1&wait_for_async_insert=0", "is said 2 times", ""},
		{"clickhouse://db.example/x?wait_end_of_query=0", "the store's own", ""},
		{"clickhouse://db.example/x?retention=1000000h", "50 years at most", ""},
		{"clickhouse://db.example/x?async_insert=1&wait_for_async_insert=0", "has to be 1", ""},
		{"clickhouse://me:canary@localhost/x?retention=5", "is no duration of an hour or more", ""},
	} {
		s, err := openAddress(t, c.url, Options{Getenv: nothing})
		switch {
		case c.want == "" && err == nil:
			if s.client.endpoint != c.endpoint || s.client.zip == (strings.Contains(c.url, "localhost") || strings.Contains(c.url, "1]") || strings.Contains(c.url, "127.")) {
				t.Errorf("%s: asks %s, packed: %v; want %s", c.url, s.client.endpoint, s.client.zip, c.endpoint)
			}
		case c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
	}
}

// What stands in the URL goes before the environment, by parts.
func TestCredentials(t *testing.T) {
	environment := map[string]string{UserVariable: "its", PasswordVariable: "secret"}
	for url, want := range map[string]string{
		"clickhouse://h/x":       "its:secret",
		"clickhouse://me@h/x":    "me:secret",
		"clickhouse://me:own@h/": "me:own",
		"clickhouse://me:@h/":    "me:",
	} {
		s, err := openAddress(t, url, Options{Getenv: func(key string) string { return environment[key] }})
		if err != nil || s.client.user.String() != want {
			t.Errorf("%s: %v, want %s (%v)", url, s.client.user, want, err)
		}
	}
	if s, _ := openAddress(t, "clickhouse://h/", Options{Getenv: nothing}); s.client.user != nil {
		t.Errorf("without any: %v", s.client.user)
	}
}

// fake answers as an engine with tables, and keeps what is inserted.
type fake struct {
	requests []string
	bodies   map[string][]byte // unpacked, by table
	answer   func(statement string) (status int, text string)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		body, _ = io.ReadAll(zip)
	}
	statement := r.URL.Query().Get("query")
	if statement == "" {
		statement = string(body)
	} else {
		f.bodies[strings.Fields(statement)[2]] = body
	}
	user, password, _ := r.BasicAuth()
	f.requests = append(f.requests, user+":"+password+" "+statement+" "+r.URL.Query().Get("async_insert"))
	status, text := f.answer(statement)
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// wellKnown answers what a Store asks at first.
func wellKnown(statement string) (int, string) {
	switch {
	case strings.HasPrefix(statement, "SELECT version()"):
		return 200, "25.8.1.2\n"
	case strings.HasPrefix(statement, "EXISTS"), strings.HasPrefix(statement, "SELECT max(version)"):
		return 200, "1\n"
	case strings.HasPrefix(statement, "SELECT engine_full"):
		return 200, "ReplacingMergeTree TTL x + toIntervalSecond(2592000)\n"
	}
	return 200, ""
}

// Another host is reached by TLS, with the password in a header and rows packed, and
// settings of the URL hold for what inserts.
func TestInserts(t *testing.T) {
	f := &fake{bodies: map[string][]byte{}, answer: wellKnown}
	server := httptest.NewTLSServer(f)
	defer server.Close()
	client := server.Client()
	address := strings.Replace(server.URL, "https://127.0.0.1", "clickhouse://me:canary@example.com", 1) + "/db?async_insert=1"
	transport := client.Transport.(*http.Transport)
	transport.DialContext = dialTo(server.Listener.Addr().String())
	s, err := openAddress(t, address, Options{Client: client, Getenv: nothing})
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := s.Run(t.Context(), &spool.Info{ID: "00"})
	if err != nil {
		t.Fatal(err)
	}
	f1 := &spool.Function{Name: "F", Digest: [32]byte{1: 8}}
	call := spool.Call{Function: f1, ID: 2, Parent: 1, Trace: 1, Depth: 3, Goroutine: 4, Start: 5, Duration: 6, Data: `["a"]`}
	if err := s.Write(t.Context(), &sink.Batch{Run: id, Calls: []spool.Call{call}}); err != nil {
		t.Fatal(err)
	}
	var wanted rows
	wanted.call(id, &call, 1)
	if got := f.bodies["monitor_stored_calls"]; !bytes.Equal(got, wanted) {
		t.Errorf("the server got\n%x\nwant\n%x", got, wanted)
	}
	last := f.requests[len(f.requests)-1]
	if !strings.HasPrefix(last, "me:canary INSERT INTO monitor_progress") || !strings.HasSuffix(last, " 1") {
		t.Errorf("the last request is %q: it is to be how far the spool is read", last)
	}
}

// What is not ClickHouse, or says no, is said so, and no row counts as stored.
func TestComplaints(t *testing.T) {
	for _, c := range []struct {
		name, want string
		answer     func(string) (int, string)
	}{
		{"no ClickHouse", "this is no ClickHouse", func(string) (int, string) { return 200, "<html>" }},
		{"a port of another protocol", "You must use port 8123 for HTTP.", func(string) (int, string) {
			return 400, "Port 9000 is for clickhouse-client program.\nYou must use port 8123 for HTTP.\n"
		}},
		{"redirected", "the server answered 302", func(string) (int, string) { return 302, "" }},
		{"a failure with status 200", "an answer that ClickHouse does not give: Code: 241", func(statement string) (int, string) {
			if strings.HasPrefix(statement, "INSERT") {
				return 200, "Code: 241. DB::Exception: Memory limit exceeded"
			}
			return wellKnown(statement)
		}},
		{"a newer schema", ErrSchema.Error(), func(statement string) (int, string) {
			if strings.HasPrefix(statement, "SELECT max(version)") {
				return 200, "7\n"
			}
			return wellKnown(statement)
		}},
	} {
		server := httptest.NewServer(&fake{bodies: map[string][]byte{}, answer: c.answer})
		s, err := openAddress(t, strings.Replace(server.URL, "http://", "clickhouse://me:canary@", 1), Options{Getenv: nothing})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Run(t.Context(), &spool.Info{ID: "00"})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		server.Close()
	}
}

func TestRowBinary(t *testing.T) {
	for _, c := range []struct {
		name, want string
		write      func(*rows)
	}{
		{"int64", "feffffffffffffff", func(r *rows) { r.int64(-2) }},
		{"int32", "01000000", func(r *rows) { r.int32(1) }},
		{"bool", "0100", func(r *rows) { r.bool(true); r.bool(false) }},
		{"text", "03" + hex.EncodeToString([]byte("a\x00é"))[:6], func(r *rows) { r.text("a\x00\xc3") }},
		{"long text", "8001" + strings.Repeat("61", 128), func(r *rows) { r.text(strings.Repeat("a", 128)) }},
		{"null", "01", func(r *rows) { r.null() }},
		{"no elements", "00", func(r *rows) { r.elements("") }},
		{"an empty array", "00", func(r *rows) { r.elements("[]") }},
		{"elements", "03" + "0131" + "03" + hex.EncodeToString([]byte(`","`)) + "05" + hex.EncodeToString([]byte(`[1,2]`)), func(r *rows) { r.elements(`[1,",",[1,2]]`) }},
		{"escapes", "02" + "06" + hex.EncodeToString([]byte(`"\"],"`)) + "02" + hex.EncodeToString([]byte("{}")), func(r *rows) { r.elements(`["\"],",{}]`) }},
		{"objects", "01" + "0b" + hex.EncodeToString([]byte(`{"a":[1,2]}`)), func(r *rows) { r.elements(`[{"a":[1,2]}]`) }},
		{"no array", "01" + "0378797a", func(r *rows) { r.elements("xyz") }},
		{"a string that does not end", "01" + "0222" + "2c", func(r *rows) { r.elements(`[",]`) }},
	} {
		var r rows
		if c.write(&r); hex.EncodeToString(r) != c.want {
			t.Errorf("%s: %x, want %s", c.name, []byte(r), c.want)
		}
	}
}

func TestDialects(t *testing.T) {
	for version, want := range map[string]bool{"18.16.1": false, "21.8.14.5": false, "22.3.2.1": true, "26.5.1.1": true} {
		d, err := newDialect(version)
		if err != nil || d.modern != want {
			t.Errorf("%s: %v, want %v (%v)", version, d.modern, want, err)
		}
		for _, statement := range d.statements(48 * time.Hour) {
			if strings.Contains(statement, "monitor_t") || strings.Contains(statement, "/*") || strings.Contains(statement, "CODEC") != (want && strings.Contains(statement, "TABLE IF NOT EXISTS monitor_stored_calls")) {
				t.Errorf("%s: %s", version, statement)
			}
		}
	}
	if got := keptFor("TTL " + expiry(48*time.Hour)); got != 48*time.Hour {
		t.Errorf("read %v from %s", got, expiry(48*time.Hour))
	}
}

// The places of a run are what other agents would compute, and fit into a key.
func TestPlaces(t *testing.T) {
	first, again, other := placesOf("a"), placesOf("a"), placesOf("b")
	if len(first) < places-1 || first[0] != again[0] || first[0] == other[0] {
		t.Errorf("places %v, again %v, of another %v", first, again, other)
	}
	for _, id := range append(first, other...) {
		if id < 1 || id >= 1<<runBits {
			t.Errorf("%d is out of bounds", id)
		}
	}
}
