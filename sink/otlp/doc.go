// Package otlp sends calls to an OpenTelemetry collector, or to what speaks OTLP
// over HTTP as one does. Importing it registers otlp+http:// and otlp+https://
// with sink.OpenStore.
//
// In: Batches of package sink. Out: POST requests with spans, as protocol buffers.
// May import: the standard library, OTLP's messages, sink, sink/spool and what
// makes spans and texts of calls. No SDK of OpenTelemetry.
package otlp
