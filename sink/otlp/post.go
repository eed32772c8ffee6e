package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// errTooLarge says that a receiver does not take a request of that size.
var errTooLarge = errors.New("the request is too large for the receiver")

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// longestWait bounds what a receiver may ask for.
const longestWait = 5 * time.Minute

// post sends one request. A TracesData has the same bytes as OTLP's
// ExportTraceServiceRequest, whose package brings gRPC along.
func (s *Store) post(ctx context.Context, data *tracepb.TracesData) error {
	body, err := proto.Marshal(data)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is one
	zip.Write(body)
	zip.Close() // neither fails into memory
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, &packed)
	if err != nil {
		return withoutURL(err)
	}
	request.Header = s.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "gzip")
	answer, err := s.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case answer.StatusCode == http.StatusRequestEntityTooLarge:
		return errTooLarge
	case answer.StatusCode/100 != 2:
		s.wait(answer)
		return fmt.Errorf("the receiver answered %s", answer.Status)
	}
	if spans, why := rejected(text); spans > 0 {
		s.say(fmt.Sprintf("the receiver rejected %d spans: %s", spans, why))
	}
	return nil
}

// withoutURL takes the URL out of an error: it is named already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// wait takes in how long a receiver that is busy wants to be left alone.
func (s *Store) wait(answer *http.Response) {
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return
	}
	s.until = time.Now().Add(min(time.Duration(seconds)*time.Second, longestWait))
}

// rejected reads an ExportTraceServiceResponse: field 1 is a partial success,
// whose fields are the number of spans that were not taken, and why. Such spans
// must not be sent again.
func rejected(answer []byte) (spans uint64, why string) {
	partial := field(answer, 1)
	for len(partial) > 0 {
		number, kind, n := protowire.ConsumeTag(partial)
		if n < 0 {
			return 0, ""
		}
		partial = partial[n:]
		switch {
		case number == 1 && kind == protowire.VarintType:
			spans, n = protowire.ConsumeVarint(partial)
		case number == 2 && kind == protowire.BytesType:
			why, n = protowire.ConsumeString(partial)
		default:
			n = protowire.ConsumeFieldValue(number, kind, partial)
		}
		if n < 0 {
			return 0, ""
		}
		partial = partial[n:]
	}
	return spans, why
}

// field returns the bytes of a message's field; nil when it has none, or is no message.
func field(message []byte, want protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == want && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil
			}
			return value
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}
