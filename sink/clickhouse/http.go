package clickhouse

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes: answers are short.
const maxAnswer = 1 << 20

// maxComplaint is how much of what a server says of a failure is shown.
const maxComplaint = 300

// client speaks with one server.
type client struct {
	endpoint string // with the database
	settings url.Values
	user     *url.Userinfo
	zip      bool
	http     *http.Client
}

// newTransport returns one of our own: the default one may be the program's, recorded
// perhaps. It lets go of a connection before a server does, of which some wait for
// three seconds.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 2500 * time.Millisecond,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second,
	}
}

// query asks, and returns the answer's lines of fields.
func (c *client) query(ctx context.Context, statement string) (lines [][]string, err error) {
	answer, err := c.post(ctx, nil, []byte(statement+" FORMAT TabSeparated"), false)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(answer) {
		lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return lines, nil
}

// one asks for one value; "" where there is none.
func (c *client) one(ctx context.Context, statement string) (string, error) {
	lines, err := c.query(ctx, statement)
	if err != nil || len(lines) == 0 {
		return "", err
	}
	return lines[0][0], nil
}

// exec does what has no answer.
func (c *client) exec(ctx context.Context, statement string) error {
	return silent(c.post(ctx, nil, []byte(statement), false))
}

// insert stores rows: when it returns without an error, the server has them.
func (c *client) insert(ctx context.Context, table, columns string, body rows) error {
	parameters := url.Values{"query": {"INSERT INTO " + table + " (" + columns + ") FORMAT RowBinary"}}
	for key, values := range c.settings {
		parameters[key] = values
	}
	return silent(c.post(ctx, parameters, body, c.zip))
}

// silent makes an error of an answer where none belongs: whoever gave it, a proxy
// perhaps, has not done what was asked.
func silent(answer string, err error) error {
	if err == nil && strings.TrimSpace(answer) != "" {
		return fmt.Errorf("an answer that ClickHouse does not give: %s", complaint(answer))
	}
	return err
}

func (c *client) post(ctx context.Context, parameters url.Values, body []byte, zip bool) (string, error) {
	target := c.endpoint
	if len(parameters) > 0 {
		target += "&" + parameters.Encode()
	}
	if zip {
		body = pack(body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return "", withoutURL(err)
	}
	if zip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	if c.user != nil {
		password, _ := c.user.Password()
		request.SetBasicAuth(c.user.Username(), password)
	}
	// All that is asked can be asked twice. It is not sent; it has a connection that
	// the server had closed replaced without a failure.
	request.Header["Idempotency-Key"] = []string{}
	answer, err := c.http.Do(request)
	if err != nil {
		return "", withoutURL(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode != http.StatusOK {
		return "", &refusal{status: answer.Status, text: complaint(string(text))}
	}
	return string(text), err
}

func pack(body []byte) []byte {
	var packed bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is one
	zip.Write(body)
	zip.Close() // neither fails into memory
	return packed.Bytes()
}

// refusal is a server's no.
type refusal struct{ status, text string }

func (r *refusal) Error() string {
	if r.text == "" {
		return "the server answered " + r.status
	}
	return "the server answered " + r.status + ": " + r.text
}

// complaint is the beginning of what a server says, on one line.
func complaint(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxComplaint {
		text = strings.ToValidUTF8(text[:maxComplaint], "") + "…"
	}
	return text
}

// withoutURL takes the URL out of an error: it is named already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
