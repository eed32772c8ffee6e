package runtime

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

func TestParseOptions(t *testing.T) {
	plain := siteOptions{share: keepAll, maxBytes: defaultMaxBytes, depth: defaultDepth}
	with := func(change func(o *siteOptions)) siteOptions {
		o := plain
		change(&o)
		return o
	}
	tests := []struct {
		text string
		want siteOptions
	}{
		{"", plain},
		{`process="desk.(*Desk).Price"`, with(func(o *siteOptions) { o.process = "desk.(*Desk).Price" })},
		{`process="a \"b\" = c" max=7`, with(func(o *siteOptions) { o.process, o.maxBytes = `a "b" = c`, 7 })},
		{"sample=0.5", with(func(o *siteOptions) { o.share, o.own = 1<<63, true })},
		{"sample=1", with(func(o *siteOptions) { o.own = true })},
		{"sample=0", with(func(o *siteOptions) { o.share, o.own = 0, true })},
		{"rate=100/s slow=10ms", with(func(o *siteOptions) { o.perSec, o.slow = 100, 10_000_000 })},
		{"depth=0  group=a.b fails=true", with(func(o *siteOptions) { o.depth, o.fails = 0, true })},
		{"sample=x rate=y slow=z max=-1 depth=-1 name= = junk", plain},
	}
	for _, tt := range tests {
		if got := parseOptions(tt.text); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.text, got, tt.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := map[string]int64{
		"65536": 65536, "64MiB": 64 << 20, "1GiB": 1 << 30, "2KB": 2000, "3 mib": 3 << 20, "1g": 1 << 30, "7B": 7,
		"": 0, "0": 0, "-1": 0, "much": 0, "1.5GiB": 0, "99999999999GiB": 0, "MiB": 0,
	}
	for text, want := range tests {
		if got, ok := parseSize(text); got != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
}

func TestMaskedArguments(t *testing.T) {
	tests := []struct{ args, want string }{
		{"prog -v file", "prog -v file"},
		{"prog -token abc --api-key=abc PASSWORD=abc x", "prog -token *** --api-key=*** PASSWORD=*** x"},
		{"prog --password -v", "prog --password -v"},
		{"prog postgres://user:pw@host/db?x=1 http://host:80/@", "prog postgres://user:***@host/db?x=1 http://host:80/@"},
		{"prog -dsn=postgres://u:p@h", "prog -dsn=postgres://u:***@h"},
		{"/opt/token/prog a", "/opt/token/prog a"},
	}
	for _, tt := range tests {
		if got := strings.Join(maskedArguments(strings.Fields(tt.args)), " "); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func TestTrimStack(t *testing.T) {
	const head = "goroutine 7 [running]:\n"
	frame := func(name string) string { return name + "(...)\n\t/file.go:1 +0x1\n" }
	user := frame("main.f") + frame("main.main")
	tests := []struct{ name, text, want string }{
		{"panic", frame("x/runtime.end") + frame("main.monitorFEnd") + "panic({0x1, 0x2})\n\t/panic.go:1\n" + user, user},
		{"nil pointer", frame("x/runtime.end") + "panic({0x1, 0x2})\n\t/panic.go:1\n" + frame("runtime.panicmem") + frame("runtime.sigpanic") + user, user},
		{"panic in a deferred call", frame("a.end") + "panic({0x1})\n\t/p\n" + frame("main.g") + "panic({0x2})\n\t/p\n" + user, frame("main.g") + "panic({0x2})\n\t/p\n" + user},
		{"no panic", user, user},
		{"cut off", "panic(", ""},
	}
	for _, tt := range tests {
		if got := string(trimStack([]byte(head + tt.text))); got != head+tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, head+tt.want)
		}
	}
	if got := string(trimStack([]byte("no line"))); got != "no line" {
		t.Errorf("%q", got)
	}
}

func TestTable(t *testing.T) {
	const n = 5000
	var tab table
	gs := make([][8]uint64, n)
	states := make([]*goroutine, n)
	for i := range gs {
		addr := unsafe.Pointer(&gs[i])
		if tab.find(uintptr(addr)) != nil {
			t.Fatal("found before it was added")
		}
		if states[i] = tab.add(addr); tab.add(addr) != states[i] {
			t.Fatal("added twice")
		}
	}
	for i := range gs {
		if tab.find(uintptr(unsafe.Pointer(&gs[i]))) != states[i] {
			t.Fatalf("entry %d is lost", i)
		}
	}
}

func TestPlainText(t *testing.T) {
	tests := map[string]any{"nil": nil, "-3": -3, "(1+2i)": 1 + 2i, "7": uint8(7), "true": true, "1.5": float32(1.5), "text": "text", "([]int) {...}": []int{1}}
	for want, v := range tests {
		if got := plainText(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestReadEnvironment(t *testing.T) {
	env := map[string]string{"MONITOR": "off", "MONITOR_SPOOL": "/spool", "MONITOR_SPOOL_MAX": "1GiB", "MONITOR_OVERFLOW": "wait", "MONITOR_SAMPLE": "0.5", "MONITOR_CONSOLE": "1", "MONITOR_SESSION": "s"}
	want := environment{off: true, session: "s", options: Options{Spool: "/spool", SpoolMax: 1 << 30, Overflow: Wait, Sample: 0.5, Console: true}}
	if got := readEnvironment(func(name string) string { return env[name] }); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := readEnvironment(func(string) string { return "" }); !reflect.DeepEqual(got, environment{}) {
		t.Errorf("%+v of an empty environment", got)
	}
}

// The counter agrees with the clock that it stands for.
func TestTicks(t *testing.T) {
	startCountingOnce.Do(startCounting)
	if !counting {
		t.Skip("no steady counter")
	}
	for round := 0; round < 3; round++ {
		began, before := pair()
		for nanotime() < before+20_000_000 {
		}
		ended, after := pair()
		if took, want := elapsed(ended-began), after-before; took < want-want/100 || took > want+want/100 {
			t.Errorf("%d ns by ticks, %d by the clock", took, want)
		}
		for ticks, want := range map[int64]int64{began: before, ended: after} {
			if d := monotonic(ticks) - want; d < -1_000_000 || d > 1_000_000 {
				t.Errorf("%d ns off", d)
			}
		}
		recount()
	}
	if elapsed(-5) != 0 {
		t.Error("a negative duration")
	}
}

func TestScale(t *testing.T) {
	from := instant{ticks: 1000, mono: 500}
	s := from.scaleTo(1000+3_000_000_000, 500+1_000_000_000) // 3 GHz for a second
	if s == nil {
		t.Fatal("no scale")
	}
	for ticks, want := range map[int64]int64{0: 0, 3: 1, 3_000_000: 1_000_000, 1 << 60: 1 << 60 / 3} {
		if got := scaled(ticks, s.rate); got < want-want/1e9-1 || got > want+want/1e9+1 {
			t.Errorf("%d ticks are %d ns, want %d", ticks, got, want)
		}
	}
	for _, bad := range []*scale{from.scaleTo(1000, 1_000_000), from.scaleTo(900, 1_000_000), from.scaleTo(1<<40, 1000), from.scaleTo(2000, 400)} {
		if bad != nil {
			t.Errorf("%+v", bad)
		}
	}
}

func TestGoroutinesThatMeetPart(t *testing.T) {
	lane := make([]shard, 2)
	one, other := &goroutine{shard: 4}, &goroutine{shard: 2}
	first := one.lockShard(lane)
	second := other.lockShard(lane)
	if first != &lane[0] || second != &lane[1] {
		t.Fatalf("shards %p and %p of %p and %p", first, second, &lane[0], &lane[1])
	}
	first.mu.Unlock()
	second.mu.Unlock()
	for range 3 {
		s := other.lockShard(lane)
		s.mu.Unlock()
		if s != second {
			t.Error("went back to the shard that another goroutine writes to")
		}
	}
}

func TestRateCountsEachSecond(t *testing.T) {
	s := &site{}
	s.rate = 3
	for _, second := range []int64{7, 8, 10} {
		for i := int64(0); i < 5; i++ {
			if took := s.count(second*1e9 + i*2e8); took != (i < 3) {
				t.Errorf("second %d: call %d taken: %v", second, i, took)
			}
		}
	}
}
