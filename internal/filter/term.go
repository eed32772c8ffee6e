package filter

import "slices"

// Query chooses calls: those for which every term holds. The zero value chooses
// all.
type Query struct {
	Text  string
	Terms []Term
}

// Term is one condition. It holds if one of its values fits.
type Term struct {
	Field  Field
	Path   []string // of Arg and Result: the name or position, then what is inside of it
	Op     Op
	Not    bool // the term must not hold
	Values []Value
	Start  int // the term in Query.Text, in bytes
	End    int
}

// Value is what a term compares with. Which of the parts is set depends on the
// field.
type Value struct {
	Text string
	// Int is a duration or a time in nanoseconds, a goroutine, a depth, a run
	// (Last for the newest), or the call of a Run.
	Int  int64
	High int64 // the end of a range of durations, which is included; else 0
	Run  int64 // of a call
	// Number is Text as a number; only Arg and Result have one.
	Number   float64
	IsNumber bool
}

// Last is the value of run:last.
const Last = -1

// Field is what a term is about.
type Field string

// The fields, by the names that they have in the language.
const (
	Func      Field = "fn"
	Group     Field = "group"
	Package   Field = "pkg"
	Status    Field = "status" // values are the texts err, ok, panic
	Duration  Field = "dur"
	Arg       Field = "arg"
	Result    Field = "result"
	Any       Field = "any" // an argument or a result
	Exception Field = "err"
	Under     Field = "under"
	Call      Field = "call"
	Trace     Field = "trace"
	Parent    Field = "parent"
	Run       Field = "run"
	Session   Field = "session"
	Goroutine Field = "goroutine"
	Depth     Field = "depth"
	Since     Field = "since" // Int is how long ago
	From      Field = "from"  // a time
	To        Field = "to"
	Words     Field = "" // free text
)

// Op is how a value is compared.
type Op string

// The ways to compare. Is is what a colon alone means: the field's own way.
const (
	Is       Op = ":"
	Equal    Op = "="
	NotEqual Op = "!="
	Less     Op = "<"
	AtMost   Op = "<="
	Greater  Op = ">"
	AtLeast  Op = ">="
	Contains Op = "~"
)

// Has reports whether a term is about one of the fields.
func (q *Query) Has(fields ...Field) bool {
	return slices.ContainsFunc(q.Terms, func(t Term) bool { return slices.Contains(fields, t.Field) })
}

// Only reports whether no term is about another field.
func (q *Query) Only(fields ...Field) bool {
	return !slices.ContainsFunc(q.Terms, func(t Term) bool { return !slices.Contains(fields, t.Field) })
}
