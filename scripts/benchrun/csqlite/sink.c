// What SQLite itself does with the rows that `scripts/bench sink` has the store
// write: the same columns, page size, log and batches.
//
//   sink plain FILE ROWS BATCH           one prepared INSERT, no index beside the key
//   sink live  FILE ROWS BATCH WINDOW    with the store's indexes kept live, and all
//                                        rows but the newest WINDOW deleted again
//
// It prints rows, seconds and seconds of processor time.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static sqlite3 *db;

static void check(int rc, const char *what) {
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
		fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
		exit(1);
	}
}

static void run(const char *sql) { check(sqlite3_exec(db, sql, 0, 0, 0), sql); }

static double seconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double processor(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static sqlite3_stmt *prepare(const char *sql) {
	sqlite3_stmt *s;
	check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, 0), sql);
	return s;
}

static void step(sqlite3_stmt *s) {
	check(sqlite3_step(s), "step");
	sqlite3_reset(s);
}

int main(int argc, char **argv) {
	if (argc < 5) return 2;
	int live = !strcmp(argv[1], "live");
	long rows = atol(argv[3]), batch = atol(argv[4]), window = live ? atol(argv[5]) : 0;
	check(sqlite3_open(argv[2], &db), "open");
	run("PRAGMA page_size = 8192");
	run("PRAGMA journal_mode = WAL");
	run("PRAGMA synchronous = NORMAL");
	run("PRAGMA cache_size = -16384");
	run("CREATE TABLE calls (id INTEGER PRIMARY KEY, function_id INTEGER, parent_id INTEGER, trace_id INTEGER, depth INTEGER,"
		" goroutine INTEGER, start_ns INTEGER, duration_ns INTEGER, status INTEGER, flags INTEGER, exception TEXT, data TEXT)");
	if (live) {
		run("PRAGMA secure_delete = ON");
		run("CREATE INDEX f ON calls (function_id, start_ns)");
		run("CREATE INDEX t ON calls (trace_id)");
		run("CREATE INDEX e ON calls (start_ns) WHERE status = 1");
	}
	sqlite3_stmt *insert = prepare("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	sqlite3_stmt *delete = prepare("DELETE FROM calls WHERE id <= ?");
	sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
	static const char data[] = "[17,\"ACME\",99.25]", failed[] = "no such order";
	double began = seconds(), used = processor();
	for (long id = 1; id <= rows;) {
		step(begin);
		for (long end = id + batch; id < end && id <= rows; id++) {
			long root = (id - 1) / 10 * 10 + 1, error = id % 100 == 0;
			sqlite3_bind_int64(insert, 1, 1L << 40 | id);
			sqlite3_bind_int64(insert, 2, id * 7 % 100 + 1);
			sqlite3_bind_int64(insert, 3, id == root ? 0 : root);
			sqlite3_bind_int64(insert, 4, root);
			sqlite3_bind_int64(insert, 5, id != root);
			sqlite3_bind_int64(insert, 6, 17);
			sqlite3_bind_int64(insert, 7, 1767225600000000000 + id * 100000);
			sqlite3_bind_int64(insert, 8, 1000 + id * 7919 % 100000);
			sqlite3_bind_int64(insert, 9, error);
			sqlite3_bind_int64(insert, 10, error);
			if (error) sqlite3_bind_text(insert, 11, failed, sizeof failed - 1, SQLITE_STATIC);
			else sqlite3_bind_null(insert, 11);
			sqlite3_bind_text(insert, 12, data, sizeof data - 1, SQLITE_STATIC);
			step(insert);
		}
		if (live && id > window) {
			sqlite3_bind_int64(delete, 1, 1L << 40 | (id - 1 - window));
			step(delete);
		}
		step(commit);
	}
	printf("%ld %f %f\n", rows, seconds() - began, processor() - used);
	return 0;
}
