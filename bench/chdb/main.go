//go:build linux && cgo

// Chdb serves ClickHouse's HTTP interface from the engine in chdb's library, for
// tests: npm brings a current engine (@chdb/lib-linux-x64-gnu) where Debian's
// server is of 2018.
//
// In: an address, a folder for the data, the path of libchdb.so. Out: HTTP as far as
// sink/clickhouse speaks it. There are no users: every password is right.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

typedef struct engine {
	void *library;
	void **(*connect)(int, char **);
	void *(*query)(void *, const char *, size_t, const char *, size_t);
	char *(*buffer)(void *);
	size_t (*length)(void *);
	const char *(*error)(void *);
	void (*destroy)(void *);
	void **connection;
} engine;

// load returns what is missing of the library, or NULL.
static const char *load(engine *e, const char *path) {
	if (!(e->library = dlopen(path, RTLD_NOW | RTLD_GLOBAL))) return dlerror();
	if (!(e->connect = dlsym(e->library, "chdb_connect"))) return dlerror();
	if (!(e->query = dlsym(e->library, "chdb_query_n"))) return dlerror();
	if (!(e->buffer = dlsym(e->library, "chdb_result_buffer"))) return dlerror();
	if (!(e->length = dlsym(e->library, "chdb_result_length"))) return dlerror();
	if (!(e->error = dlsym(e->library, "chdb_result_error"))) return dlerror();
	if (!(e->destroy = dlsym(e->library, "chdb_destroy_query_result"))) return dlerror();
	return NULL;
}

static int start(engine *e, char *path) {
	char *args[] = {"clickhouse", path};
	e->connection = e->connect(2, args);
	return e->connection != NULL;
}

static void *query(engine *e, const char *q, size_t n, const char *f, size_t m) { return e->query(*e->connection, q, n, f, m); }
static char *buffer(engine *e, void *r) { return e->buffer(r); }
static size_t length(engine *e, void *r) { return e->length(r); }
static const char *failure(engine *e, void *r) { return e->error(r); }
static void destroy(engine *e, void *r) { e->destroy(r); }
*/
import "C"

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"sync"
	"unsafe"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: chdb ADDRESS FOLDER LIBRARY")
	}
	e, err := open(os.Args[3], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(os.Args[1], e))
}

// engine answers queries, one at a time.
type engine struct {
	folder string
	mu     sync.Mutex
	c      *C.engine
}

func open(library, folder string) (*engine, error) {
	e := &engine{folder: folder, c: (*C.engine)(C.calloc(1, C.sizeof_engine))}
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	if missing := C.load(e.c, path); missing != nil {
		return nil, errors.New(C.GoString(missing))
	}
	if C.start(e.c, C.CString("--path="+folder)) == 0 { // the engine keeps the text
		return nil, fmt.Errorf("the engine does not start in %s", folder)
	}
	return e, nil
}

// database is what may be in a URL as the name of one.
var database = regexp.MustCompile(`^\w+$`)

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	statement, drop, err := e.statement(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer drop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if name := r.URL.Query().Get("database"); database.MatchString(name) {
		if _, err := e.query([]byte("USE " + name)); err != nil {
			refuse(w, err)
			return
		}
	}
	answer, err := e.query(statement)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Write(answer)
}

// inserted is an INSERT whose rows are the body.
var inserted = regexp.MustCompile(`(?s)^(INSERT INTO .*) FORMAT (\w+)$`)

// statement is what a request asks for. Rows go by way of a file, which drop takes
// away: in the text of a statement an empty line would end them.
func (e *engine) statement(r *http.Request) (text []byte, drop func(), err error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, nil, err
		}
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err // half a batch is none
	}
	drop = func() {}
	parts := inserted.FindStringSubmatch(r.URL.Query().Get("query"))
	if parts == nil {
		return append([]byte(r.URL.Query().Get("query")), rest...), drop, nil
	}
	file, err := os.CreateTemp(e.folder, "rows-")
	if err != nil {
		return nil, nil, err
	}
	drop = func() { os.Remove(file.Name()) }
	_, err = file.Write(rest)
	if err = errors.Join(err, file.Close()); err != nil {
		drop()
		return nil, nil, err
	}
	return []byte(parts[1] + " FROM INFILE '" + file.Name() + "' FORMAT " + parts[2]), drop, nil
}

func (e *engine) query(statement []byte) ([]byte, error) {
	if len(statement) == 0 {
		return nil, errors.New("Code: 62. DB::Exception: Empty query")
	}
	const format = "TabSeparated"
	f := C.CString(format)
	defer C.free(unsafe.Pointer(f))
	result := C.query(e.c, (*C.char)(unsafe.Pointer(unsafe.SliceData(statement))), C.size_t(len(statement)), f, C.size_t(len(format)))
	if result == nil {
		return nil, errors.New("the engine has no answer")
	}
	defer C.destroy(e.c, result)
	if failure := C.failure(e.c, result); failure != nil {
		return nil, errors.New(C.GoString(failure))
	}
	return C.GoBytes(unsafe.Pointer(C.buffer(e.c, result)), C.int(C.length(e.c, result))), nil
}

func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
