package clickhouse

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed schema.sql
var schema string

// schemaVersion is that of the tables in schema.sql.
const schemaVersion = 1

// firstModern is the year of the engines from which on there are codecs, time to
// live, fractions of seconds and what else stands in /*+ */ in schema.sql. Engines
// before it, such as Debian's of 2018, do without.
const firstModern = 22

// dialect is what an engine understands.
type dialect struct {
	version string
	modern  bool
}

// newDialect reads an engine's version, 26.5.1.1 for instance.
func newDialect(version string) (dialect, error) {
	year, _, dotted := strings.Cut(version, ".")
	n, err := strconv.Atoi(year)
	if err != nil || !dotted {
		return dialect{}, fmt.Errorf("this is no ClickHouse: its version is %.60q", version)
	}
	return dialect{version: version, modern: n >= firstModern}, nil
}

var (
	lineComment = regexp.MustCompile(`(?m)--.*$`)
	forModern   = regexp.MustCompile(`/\*\+(.*?)\*/`)
	timeCall    = regexp.MustCompile(`monitor_time\((\w+)\)`)
	textCall    = regexp.MustCompile(`monitor_text\((\w+)\)`)
)

// textOf is the text of a value, as SQLite's data_trace shows it; @ is the value's JSON.
const textOf = `multiIf(@ = 'null', 'nil', ` +
	`substring(@, 1, 1) = '"', visitParamExtractString(concat('{"v":', @, '}'), 'v'), ` +
	`substring(@, 1, 8) != '{"$type"', @, ` +
	`visitParamExtractRaw(@, '$value') = 'null', 'nil', ` +
	`substring(visitParamExtractRaw(@, '$value'), 1, 1) = '"', visitParamExtractString(@, '$value'), ` +
	`visitParamExtractRaw(@, '$value'))`

// statements returns those that make tables and views, where they are not there.
func (d dialect) statements(retention time.Duration) (list []string) {
	text := lineComment.ReplaceAllString(schema, "")
	if d.modern {
		text = forModern.ReplaceAllString(text, "$1")
		text = timeCall.ReplaceAllString(text, "fromUnixTimestamp64Micro(intDiv($1, 1000), 'UTC')")
	} else {
		text = forModern.ReplaceAllString(text, "")
		text = timeCall.ReplaceAllString(text, "toDateTime(intDiv($1, 1000000000), 'UTC')")
	}
	text = textCall.ReplaceAllStringFunc(text, func(call string) string {
		return strings.ReplaceAll(textOf, "@", textCall.FindStringSubmatch(call)[1])
	})
	text = strings.ReplaceAll(text, "/*TTL*/", d.ttl(retention))
	for statement := range strings.SplitSeq(text, ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			list = append(list, statement)
		}
	}
	return list
}

// ttl is the clause that takes calls away; none where the engine has none, or all is kept.
func (d dialect) ttl(retention time.Duration) string {
	if !d.modern || retention == 0 {
		return ""
	}
	return "TTL " + expiry(retention)
}

// expiry is when a call goes. What has no place in a DateTime with the retention
// added to it is held to the last that has.
func expiry(retention time.Duration) string {
	seconds := int64(retention / time.Second)
	return fmt.Sprintf("toDateTime(greatest(0, least(intDiv(start_ns, 1000000000), %d))) + toIntervalSecond(%d)", 1<<32-1-seconds, seconds)
}

var intervalOf = regexp.MustCompile(`toIntervalSecond\((\d+)\)`)

// keptFor reads from a table's definition how long calls are kept, 0 for ever.
func keptFor(definition string) time.Duration {
	found := intervalOf.FindStringSubmatch(definition)
	if found == nil {
		return 0
	}
	seconds, _ := strconv.ParseInt(found[1], 10, 64) // digits
	return time.Duration(seconds) * time.Second
}
