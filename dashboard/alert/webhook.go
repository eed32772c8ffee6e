package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// message is what a webhook gets.
type message struct {
	Rule      string `json:"rule"`
	State     string `json:"state"`
	Measure   string `json:"measure"`
	Value     string `json:"value"`
	Threshold string `json:"threshold"`
	Window    string `json:"window"`
	At        string `json:"at"`
	Call      string `json:"call,omitempty"`
	Process   string `json:"process,omitempty"`
	URL       string `json:"url"`
}

func (w *Watch) message(s *Status, e Event) message {
	q := ""
	if s.Func != "" {
		q += "fn:" + s.Func + " "
	}
	if s.Group != "" {
		q += "group:" + s.Group
	}
	window := s.window
	if window == 0 {
		window = defaultWindow
	}
	return message{e.Rule, e.State, s.Measure, e.Value, e.Threshold, window.String(), time.Unix(0, e.At).UTC().Format(time.RFC3339Nano),
		e.Call, s.Process, w.url + "calls?" + url.Values{"q": {q}}.Encode()}
}

// retries is how often a webhook that fails is tried again; the pauses are
// firstPause, and four times as long each.
const (
	retries        = 4
	firstPause     = time.Second
	webhookTimeout = 10 * time.Second
)

// webhookClient follows no redirects: a rule names where its message goes.
var webhookClient = &http.Client{Timeout: webhookTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// deliver sends a message until it is taken. detail is the answer's status.
func deliver(ctx context.Context, to string, m message, retries int) (detail string, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	for pause := firstPause; ; pause *= 4 {
		if detail, err = post(ctx, to, body); err == nil || retries == 0 {
			return detail, err
		}
		retries--
		select {
		case <-ctx.Done():
			return detail, err
		case <-time.After(pause):
		}
	}
}

func post(ctx context.Context, to string, body []byte) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "monitorgen")
	answer, err := webhookClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode/100 != 2 {
		return answer.Status, fmt.Errorf("the webhook answered %s", answer.Status)
	}
	return answer.Status, nil
}
