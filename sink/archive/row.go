package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// row is a call in a file. The columns from Function on are the same for many
// calls: in a file each value is there once per row group.
type row struct {
	TS        int64   `parquet:"ts,timestamp(nanosecond)"` // start
	Process   string  `parquet:"process,dict"`
	Status    string  `parquet:"status,dict"`          // OK, ERR
	Duration  *int64  `parquet:"duration_ns,optional"` // null: it had no clock
	Exception *string `parquet:"exception,optional"`
	Data      *string `parquet:"data,optional"` // JSON array: arguments, then results
	Stack     *string `parquet:"stack,dict,optional"`
	CallID    int64   `parquet:"call_id"`
	ParentID  int64   `parquet:"parent_id"` // 0 for none
	TraceID   int64   `parquet:"trace_id"`
	Depth     int32   `parquet:"depth"`
	Goroutine int64   `parquet:"goroutine"`
	Flags     int32   `parquet:"flags"`

	Function  string `parquet:"function,dict"`
	Package   string `parquet:"package,dict"`
	Group     string `parquet:"process_group,dict"`
	File      string `parquet:"file,dict"`
	Line      int64  `parquet:"line,dict"`
	Signature string `parquet:"signature,dict"`
	Options   string `parquet:"options,dict"`
	Source    string `parquet:"source,dict"`
	DataNames string `parquet:"data_names,dict"` // JSON [{"name":,"type":,"output":}], in the order of data
	Digest    string `parquet:"function_digest,dict"`

	Run     string `parquet:"run,dict"` // 32 hexadecimal digits
	Started int64  `parquet:"run_started,timestamp(nanosecond),dict"`
	PID     int64  `parquet:"pid,dict"`
	Host    string `parquet:"host,dict"`
	Program string `parquet:"program,dict"`
	Args    string `parquet:"args,dict"` // JSON array
	Go      string `parquet:"go_version,dict"`
	OS      string `parquet:"os,dict"`
	Module  string `parquet:"module,dict"`
	Session string `parquet:"session,dict"`
}

// sum is a checksum over rows: of what they say, whatever the file is like.
type sum struct {
	hash hash.Hash
	buf  []byte
	rows int64
}

func newSum() *sum { return &sum{hash: sha256.New()} }

func (s *sum) number(n int64) { s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(n)) }

func (s *sum) text(t string) {
	s.number(int64(len(t)))
	s.buf = append(s.buf, t...)
}

func (s *sum) optional(t *string) {
	if t == nil {
		s.number(-1)
		return
	}
	s.text(*t)
}

func (s *sum) add(r *row) {
	s.buf = s.buf[:0]
	duration := int64(-1)
	if r.Duration != nil {
		duration = *r.Duration
	}
	for _, n := range []int64{r.TS, duration, r.CallID, r.ParentID, r.TraceID, int64(r.Depth), r.Goroutine, int64(r.Flags), r.Line, r.Started, r.PID} {
		s.number(n)
	}
	for _, t := range []*string{r.Exception, r.Data, r.Stack} {
		s.optional(t)
	}
	for _, t := range []string{
		r.Process, r.Status, r.Function, r.Package, r.Group, r.File, r.Signature, r.Options, r.Source, r.DataNames, r.Digest,
		r.Run, r.Host, r.Program, r.Args, r.Go, r.OS, r.Module, r.Session,
	} {
		s.text(t)
	}
	s.hash.Write(s.buf)
	s.rows++
}

func (s *sum) String() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// info is the run of a row.
func (r *row) info() (*spool.Info, error) {
	info := &spool.Info{
		ID: strings.Clone(r.Run), Start: r.Started, PID: int(r.PID), Host: strings.Clone(r.Host), Program: strings.Clone(r.Program),
		Go: strings.Clone(r.Go), OS: strings.Clone(r.OS), Module: strings.Clone(r.Module), Session: strings.Clone(r.Session),
	}
	if err := json.Unmarshal([]byte(r.Args), &info.Args); err != nil {
		return nil, fmt.Errorf("arguments of run %s: %w", r.Run, err)
	}
	return info, nil
}

// function is the function of a row.
func (r *row) function() (*spool.Function, error) {
	f := &spool.Function{
		Name: strings.Clone(r.Function), Package: strings.Clone(r.Package), File: strings.Clone(r.File), Line: int(r.Line),
		Signature: strings.Clone(r.Signature), Group: strings.Clone(r.Group), Process: strings.Clone(r.Process),
		Options: strings.Clone(r.Options), Source: strings.Clone(r.Source),
	}
	digest, err := hex.DecodeString(r.Digest)
	if err != nil || len(digest) != len(f.Digest) {
		return nil, fmt.Errorf("function %s: digest %q", r.Process, r.Digest)
	}
	copy(f.Digest[:], digest)
	var data []struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Output bool   `json:"output"`
	}
	if err := json.Unmarshal([]byte(r.DataNames), &data); err != nil {
		return nil, fmt.Errorf("function %s: its data: %w", r.Process, err)
	}
	for _, d := range data {
		f.Data = append(f.Data, manifest.Datum{Name: d.Name, Type: d.Type, Output: d.Output})
	}
	return f, nil
}

// call is the call of a row. It shares no memory with the row.
func (r *row) call(f *spool.Function) spool.Call {
	c := spool.Call{
		Function: f, ID: uint64(r.CallID), Parent: uint64(r.ParentID), Trace: uint64(r.TraceID), Goroutine: uint64(r.Goroutine),
		Start: r.TS, Depth: uint16(r.Depth), Flags: uint8(r.Flags),
	}
	if r.Duration != nil {
		c.Duration = *r.Duration
	} else {
		c.Flags |= wire.FlagSampled
	}
	if r.Exception != nil {
		c.Exception = strings.Clone(*r.Exception)
	}
	if r.Data != nil {
		c.Data = strings.Clone(*r.Data)
	}
	if r.Stack != nil {
		c.Stack = &spool.Stack{Text: strings.Clone(*r.Stack), Digest: sha256.Sum256([]byte(*r.Stack))}
	}
	return c
}
