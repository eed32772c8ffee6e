package spool

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
)

// Info says who wrote a run.
type Info struct {
	ID      string // 32 hexadecimal digits
	Start   int64  // wall clock, nanoseconds since 1970 UTC
	PID     int
	Host    string
	Program string
	Args    []string
	Go      string
	OS      string // GOOS/GOARCH
	Module  string
	Session string // the same for all processes of one monitorgen run or test
	Bell    string // how to tell the process of new settings, see package sink/control; "" when it cannot be told
}

// definitions is what the definition lane of a run has said so far.
type definitions struct {
	info      Info
	known     bool // info came from a record
	damaged   bool // part of the lane is lost: a site may be unknown without being wrong
	packages  map[uint32]*manifest.Package
	sites     map[uint32]site
	functions map[uint32]*Function // by site, made at the first use
	sources   map[sourceKey]*sourceFile
	stacks    map[uint64]*Stack
}

type site struct {
	pkg uint32
	key uint64
}

type sourceKey struct{ pkg, file string }

func newDefinitions(id string) definitions {
	return definitions{
		info:      Info{ID: id},
		packages:  map[uint32]*manifest.Package{},
		sites:     map[uint32]site{},
		functions: map[uint32]*Function{},
		sources:   map[sourceKey]*sourceFile{},
		stacks:    map[uint64]*Stack{},
	}
}

// add takes in a record of one of the small kinds that define something.
func (d *definitions) add(kind wire.Kind, body []byte) error {
	c := cursor{b: body}
	switch kind {
	case wire.KindRun:
		return d.addRun(&c)
	case wire.KindPackage:
		number, text := c.u32(), c.text()
		if c.bad {
			return fmt.Errorf("package: %w", errShort)
		}
		p, err := manifest.Decode(string(text))
		if err != nil {
			return err
		}
		d.packages[number] = p
	case wire.KindSite:
		number, pkg, key := c.u32(), c.u32(), c.u64()
		if c.bad {
			return fmt.Errorf("site: %w", errShort)
		}
		d.sites[number] = site{pkg: pkg, key: key}
	case wire.KindSource:
		pkg, file, text := c.text(), c.text(), c.text()
		if c.bad {
			return fmt.Errorf("source: %w", errShort)
		}
		d.sources[sourceKey{string(pkg), string(file)}] = &sourceFile{text: string(text)}
	case wire.KindStack:
		hash, text := c.u64(), c.text()
		if c.bad {
			return fmt.Errorf("stack: %w", errShort)
		}
		d.stacks[hash] = newStack(validText(text))
	default:
		return fmt.Errorf("a record of kind %d among the definitions", kind)
	}
	return nil
}

func (d *definitions) addRun(c *cursor) error {
	info := Info{ID: d.info.ID}
	for range c.count() {
		key, value := string(c.text()), validText(c.text())
		if c.bad {
			break
		}
		switch key {
		case wire.RunKeyID:
			if value != info.ID {
				return fmt.Errorf("run: its id is %q", value)
			}
		case wire.RunKeyStart:
			info.Start, _ = strconv.ParseInt(value, 10, 64)
		case wire.RunKeyPID:
			info.PID, _ = strconv.Atoi(value)
		case wire.RunKeyHost:
			info.Host = value
		case wire.RunKeyProgram:
			info.Program = value
		case wire.RunKeyArg:
			info.Args = append(info.Args, value)
		case wire.RunKeyGo:
			info.Go = value
		case wire.RunKeyOS:
			info.OS = value
		case wire.RunKeyModule:
			info.Module = value
		case wire.RunKeySession:
			info.Session = value
		case wire.RunKeyBell:
			info.Bell = value
		}
	}
	if c.bad {
		return fmt.Errorf("run: %w", errShort)
	}
	d.info, d.known = info, true
	return nil
}

// stack returns the stack of a hash, nil if it was lost with a damaged segment.
func (d *definitions) stack(hash uint64) (*Stack, error) {
	s := d.stacks[hash]
	if s == nil && !d.damaged {
		return nil, fmt.Errorf("%w (stack %016x)", errUndefined, hash)
	}
	return s, nil
}

var errUndefined = errors.New("a call that refers to what was never defined")

// function returns the function of a site. When definitions were lost with a
// damaged segment, it gives the site a name of its own: the calls, errors
// above all, are worth more than their names.
func (d *definitions) function(number uint32) (*Function, error) {
	if f := d.functions[number]; f != nil {
		return f, nil
	}
	f := d.describe(number)
	if f == nil && d.damaged {
		name := fmt.Sprintf("unknown function %d", number)
		f = newFunction(&manifest.Package{}, &manifest.Function{Name: name, Process: name}, "", 0)
	}
	if f == nil {
		return nil, fmt.Errorf("%w (site %d)", errUndefined, number)
	}
	d.functions[number] = f
	return f, nil
}

// describe returns nil for a site that is not defined, or not wholly.
func (d *definitions) describe(number uint32) *Function {
	s, ok := d.sites[number]
	p := d.packages[s.pkg]
	if !ok || p == nil {
		return nil
	}
	i := slices.IndexFunc(p.Functions, func(f manifest.Function) bool { return f.Key == s.key })
	if i < 0 {
		return nil
	}
	f := &p.Functions[i]
	source, line := f.Source, f.Line
	if file := d.sources[sourceKey{p.Path, f.File}]; file != nil && (source == "" || line == 0) {
		foundSource, foundLine := file.find(f.Name)
		if source == "" {
			source = foundSource
		}
		if line == 0 {
			line = foundLine
		}
	}
	return newFunction(p, f, source, line)
}
