package monitorgen

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// rule says what a package may not import, directly or through others.
type rule struct {
	pkg    string // below the module; "..." covers what is below it
	may    func(path string) bool
	reason string
}

const module = "github.com/monitorgen/monitorgen"

// rules along the road directive -> plan -> edit -> runtime -> spool -> sink ->
// query -> dashboard: no import goes back.
var rules = []rule{
	{"runtime", only(module + "/internal/wire"),
		"it is linked into users' programs: the standard library alone, nothing that they could meet in another version"},
	{"monitorhttp", only(module+"/runtime", module+"/internal/wire"),
		"users link it into servers and clients: gRPC and OpenTelemetry have modules of their own"},
	{"internal/wire", only(),
		"runtime imports it"},
	{"internal/manifest", only(),
		"both ends of the road import it"},
	{"internal/histogram", only(),
		"both sides of a database import it"},
	{"internal/value", only(),
		"readers, exporters and stores show values alike"},
	{"internal/otlptrace", either(only(), not(module, "google.golang.org/grpc", "go.opentelemetry.io/otel")),
		"it makes messages of what it is told, for the export and the store; no SDK, no gRPC"},
	{"sink/otlp", not(module+"/rewrite", module+"/cmd", module+"/sink/sqlite", "modernc.org", "database/sql", "google.golang.org/grpc", "go.opentelemetry.io/otel"),
		"it is linked into users' programs that ask for it, with as little as it takes"},
	{"sink/postgres", not(module+"/rewrite", module+"/cmd", module+"/sink/sqlite", "modernc.org", "go.opentelemetry.io"),
		"it is linked into users' programs that ask for it: pgx by its own interface, and no other store"},
	{"sink/clickhouse", not(module+"/rewrite", module+"/cmd", module+"/sink/sqlite", "modernc.org", "database/sql", "go.opentelemetry.io", "github.com/jackc", "github.com/ClickHouse"),
		"it is linked into users' programs that ask for it: HTTP, and no driver"},
	{"rewrite", not(module+"/runtime", module+"/sink", "modernc.org", "database/sql"),
		"it makes text; what the text needs is the user's build's business"},
	{"sink/spool", not(module+"/rewrite", module+"/runtime", "modernc.org", "database/sql"),
		"it reads files that any version of the runtime may have written"},
	{"monitortest", not(module+"/rewrite", module+"/sink/sqlite", "modernc.org", "database/sql"),
		"tests of users link it"},
	{"sink/control", not(module+"/rewrite", module+"/runtime", "modernc.org", "database/sql"),
		"whoever changes settings, command or dashboard, brings its own idea of a store"},
	{"sink/status", only(module + "/sink/internal/flock"),
		"whoever reads a database may want to know how it is being filled"},
	{"sink", not(module+"/rewrite", "modernc.org", "database/sql", "go.opentelemetry.io", "github.com/jackc"),
		"stores are chosen by who starts it"},
	{"sink/sqlite", not(module+"/rewrite", module+"/cmd", module+"/sink/archive"),
		"it only stores"},
	{"sink/sqlite/image", not(module+"/rewrite", module+"/runtime", module+"/sink", module+"/internal", module+"/cmd"),
		"it knows SQLite's file format and nothing of calls"},
	{"sink/sqlite/btree", only(),
		"it knows SQLite's file format and nothing of calls"},
	{"sink/autostart", not(module+"/rewrite", module+"/sink/archive", "github.com/parquet-go", "github.com/minio", "go.opentelemetry.io", "github.com/jackc"),
		"it is linked into users' programs: what an archive takes is the tool's and the agent's business, and other stores are linked by who imports them"},
	{"sink/archive", not(module+"/rewrite", module+"/cmd"),
		"it reads a database and fills one, as any drainer does"},
	{"sink/sqlite/query", either(only(module+"/sink/sqlite/schema"), not(module+"/rewrite", module+"/runtime", module+"/sink", module+"/internal/wire")),
		"it reads a database, whoever wrote it; the write path stays out of readers"},
	{"sink/remote", either(only(module+"/sink/sqlite/query", module+"/sink/sqlite/schema"), not(module+"/rewrite", module+"/runtime", module+"/sink", module+"/internal/wire")),
		"it reads servers by an Engine, whoever wrote them; its vocabulary is that of sink/sqlite/query"},
	{"sink/postgres/query", not(module+"/rewrite", module+"/cmd", module+"/dashboard"),
		"it reads; who shows what it reads comes after it"},
	{"internal/filter", only(),
		"every store and command that takes a query reads it by this"},
	{"dashboard/aggregate", either(only(module+"/internal/value", module+"/sink/sqlite/query", module+"/sink/sqlite/schema", module+"/internal/histogram", module+"/internal/filter"), not(module)),
		"statistics are made of what a query answers"},
	{"dashboard/analyse", either(only(module+"/internal/value", module+"/dashboard/aggregate", module+"/sink/sqlite/query", module+"/sink/sqlite/schema", module+"/internal/histogram", module+"/internal/filter"), not(module)),
		"shapes are made of what a query answers"},
	{"export", not(module+"/rewrite", module+"/runtime", module+"/sink/spool", module+"/dashboard", module+"/cmd", module+"/internal/wire"),
		"it writes what a query answers, for commands and the dashboard alike"},
	{"dashboard/alert", either(only(module+"/internal/value", module+"/dashboard/aggregate", module+"/sink/sqlite/query", module+"/sink/sqlite/schema", module+"/internal/histogram", module+"/internal/filter"), not(module)),
		"rules are about what a query answers"},
	{"dashboard", not(module+"/rewrite", module+"/runtime", module+"/internal/wire", module+"/cmd", module+"/sink/spool"),
		"it reads the store, never the application; the write path stays out of it"},
	{"dashboard/web", only(),
		"it is files and how they are sent; what they ask for is the API's business"},
}

func TestDependencies(t *testing.T) {
	for _, r := range rules {
		t.Run(r.pkg, func(t *testing.T) {
			for _, dep := range dependencies(t, module+"/"+r.pkg) {
				if dep != module+"/"+r.pkg && !r.may(dep) {
					t.Errorf("%s imports %s: %s", r.pkg, dep, r.reason)
				}
			}
		})
	}
}

// dependencies returns the import paths that a package needs, except those of
// the standard library's own making.
func dependencies(t *testing.T, path string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard", path).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var paths []string
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Standard   bool
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return paths
		} else if err != nil {
			t.Fatal(err)
		}
		if !p.Standard || p.ImportPath == "database/sql" {
			paths = append(paths, p.ImportPath)
		}
	}
}

// only allows nothing but the standard library and the paths.
func only(paths ...string) func(string) bool {
	return func(path string) bool {
		for _, p := range paths {
			if path == p {
				return true
			}
		}
		return false
	}
}

// not allows all but the paths and what is below them.
func not(paths ...string) func(string) bool {
	return func(path string) bool {
		for _, p := range paths {
			if path == p || strings.HasPrefix(path, p+"/") {
				return false
			}
		}
		return true
	}
}

// either allows what one of two rules allows.
func either(a, b func(string) bool) func(string) bool {
	return func(path string) bool { return a(path) || b(path) }
}
