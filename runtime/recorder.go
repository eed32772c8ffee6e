package runtime

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/monitorgen/monitorgen/internal/wire"
)

// recorder is the one recording of the process.
var recorder recording

// recording ties the sites to the spool. Lists are linked and only grow at
// their head: under the race detector they are read without an order that it
// knows, see race_on.go.
type recording struct {
	spool   unsafe.Pointer // *spool, nil when recording is off; atomic
	mu      sync.Mutex     // of all below, and of opening and closing
	stopped bool           // Stop was called, or the environment's spool failed: do not open by ourselves

	sites    *site
	packages *description
	sources  *source

	lastSite, lastPackage uint32
	keep                  uint64 // sample of sites that have none of their own
	settings              []wire.ControlEntry
	console               bool
	overflow              uint32 // the normal lane is full; atomic
	wait                  bool
}

// description is one package description.
type description struct {
	text   string
	number uint32
	run    *spool // that has it
	older  *description
}

// source is the text of one source file.
type source struct {
	pkg, file, text string
	run             *spool // that has it
	older           *source
}

// define makes the site of a key unless it is there.
//
//go:norace
func (r *recording) define(key uint64, pkg, options string) *site {
	r.mu.Lock()
	s := find(key)
	if s == nil {
		s = r.makeSite(key, pkg, options)
	}
	r.mu.Unlock()
	return s
}

//go:norace
func (r *recording) makeSite(key uint64, pkg, options string) *site {
	r.lastSite++
	s := &site{key: key, number: r.lastSite, siteOptions: parseOptions(options), pkg: r.describe(pkg)}
	s.older, r.sites = r.sites, s
	sp := r.current()
	if sp == nil && r.opensItself() {
		raceLoud()
		if err := r.open(Options{}); err != nil {
			warn("%v; nothing is recorded", err)
			r.stopped = true
		}
		raceQuiet()
	} else if sp != nil {
		r.defineAll(sp)
	}
	s.link()
	return s
}

// opensItself tells whether the environment names a spool to be opened by the
// first site.
//
//go:norace
func (r *recording) opensItself() bool {
	return !r.stopped && !fromEnvironment.off && fromEnvironment.options.Spool != ""
}

// describe returns the description with a text, which the sites of a package
// share: the same string, not only an equal one.
//
//go:norace
func (r *recording) describe(text string) *description {
	for p := r.packages; p != nil; p = p.older {
		if unsafe.StringData(p.text) == unsafe.StringData(text) && len(p.text) == len(text) {
			return p
		}
	}
	r.lastPackage++
	r.packages = &description{text: text, number: r.lastPackage, older: r.packages}
	return r.packages
}

// Source remembers the text of a source file, for programs that were generated
// in place. For generated code.
//
//go:norace
func Source(pkgPath, file, text string) {
	if fromEnvironment.off {
		return
	}
	raceQuiet()
	defer raceLoud()
	r := &recorder
	r.mu.Lock()
	r.sources = &source{pkg: pkgPath, file: file, text: text, older: r.sources}
	if sp := r.current(); sp != nil {
		r.defineAll(sp)
	}
	r.mu.Unlock()
}

// open opens a spool, defines what is known and turns the sites on.
func (r *recording) open(o Options) error {
	o, err := o.complete(fromEnvironment.options)
	if err != nil {
		return err
	}
	locate()
	startCountingOnce.Do(startCounting)
	bellOnce.Do(hangBell)
	startFigures()
	sp, err := openSpool(o, fromEnvironment.session)
	if err != nil {
		return err
	}
	r.keep, r.console, r.wait = o.sample(), o.Console, o.Overflow == Wait
	r.overflows(false)
	r.settings = sp.readControl()
	r.setCurrent(sp)
	r.defineAll(sp)
	return nil
}

// defineAll writes the definitions that the spool does not have yet, and turns
// on the sites that it then knows. What the disk has no room for is tried again
// by the next call.
//
//go:norace
func (r *recording) defineAll(sp *spool) {
	for s := r.sources; s != nil; s = s.older {
		if s.run == sp {
			continue
		}
		if !sp.define(sourceRecord(s)) {
			return
		}
		s.run = sp
	}
	for s := r.sites; s != nil; s = s.older {
		if s.run == sp {
			continue
		}
		if s.pkg.run != sp {
			if !sp.define(packageRecord(s.pkg)) {
				return
			}
			s.pkg.run = sp
		}
		if !sp.define(siteRecord(s)) {
			return
		}
		s.run = sp
		r.control(s)
	}
}

// publish writes the record of a call that has ended; now is the time of nanotime.
//
//go:norace
func (r *recording) publish(g *goroutine, f *frame, record []byte, now int64) {
	sp := r.current()
	if sp == nil {
		return
	}
	failed := g.ending.flags&wire.FlagError != 0
	lane := sp.normal
	if failed {
		lane = sp.errors
	}
	var then *showing
	if f.kept && g.showing.run == sp {
		then = g.concealing()
	}
	for waited := false; ; {
		switch g.lockShard(lane).appendLocked(record, now, then) {
		case stored:
			if waited {
				sp.held(now)
			}
			if !failed && atomic.LoadUint32(&r.overflow) != 0 {
				r.overflows(false)
			}
			if r.console {
				raceLoud()
				printCall(f.site, &g.ending)
				raceQuiet()
			}
			return
		case closed:
			return
		case lost:
			sp.drop(f.site, now, true)
			return
		case full:
			if !r.wait {
				r.overflows(true)
				sp.drop(f.site, now, false)
				return
			}
			waited = true
			raceLoud()
			now = waitForRoom()
			raceQuiet()
			if r.current() != sp {
				return
			}
		}
	}
}
