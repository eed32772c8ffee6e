//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"time"
)

// jaeger is a Jaeger, asked by its query API.
type jaeger struct {
	query   string // address
	process *exec.Cmd
}

type jaegerTrace struct {
	Spans []jaegerSpan `json:"spans"`
}

type jaegerSpan struct {
	TraceID    string `json:"traceID"`
	SpanID     string `json:"spanID"`
	Name       string `json:"operationName"`
	References []struct {
		Type   string `json:"refType"`
		SpanID string `json:"spanID"`
	} `json:"references"`
	Tags []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
}

func (s *jaegerSpan) tag(key string) string {
	for _, t := range s.Tags {
		if t.Key == key {
			return fmt.Sprint(t.Value)
		}
	}
	return ""
}

// call makes a call of a span: ids of spans are made of numbers of calls.
func (s *jaegerSpan) call() (c drawnCall, err error) {
	c = drawnCall{name: s.Name, status: "OK"}
	if s.tag("otel.status_code") == "ERROR" {
		c.status = "ERR"
	}
	for _, r := range s.References {
		if r.Type == "CHILD_OF" {
			if c.parent, err = strconv.ParseUint(r.SpanID, 16, 64); err != nil {
				return c, err
			}
		}
	}
	c.number, err = strconv.ParseUint(s.SpanID, 16, 64)
	return c, err
}

// traces returns those of a service.
func (j *jaeger) traces(ctx context.Context, service string) ([]jaegerTrace, error) {
	now := time.Now().UnixMicro()
	return j.get(ctx, "/api/traces?"+url.Values{
		"service": {service}, "limit": {"1000000"}, "start": {"0"}, "end": {strconv.FormatInt(now, 10)},
	}.Encode())
}

// trace returns one.
func (j *jaeger) trace(ctx context.Context, id string) ([]jaegerTrace, error) {
	return j.get(ctx, "/api/traces/"+id)
}

func (j *jaeger) get(ctx context.Context, path string) ([]jaegerTrace, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+j.query+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var body struct {
		Data []jaegerTrace `json:"data"`
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask Jaeger for %s: %s", path, answer.Status)
	}
	return body.Data, json.NewDecoder(answer.Body).Decode(&body)
}
