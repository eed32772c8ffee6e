-- One row per start of an instrumented process.
CREATE TABLE monitor_runs (
	run_id     INTEGER PRIMARY KEY,
	uuid       TEXT NOT NULL UNIQUE, -- 32 hexadecimal digits, also the name of the run's spool folder
	started_ns INTEGER NOT NULL,     -- wall clock, nanoseconds since 1970 UTC, as all *_ns columns that are not durations
	last_ns    INTEGER NOT NULL,     -- end of the latest call that was stored
	ended      INTEGER NOT NULL DEFAULT 0,
	pid        INTEGER NOT NULL,
	host       TEXT NOT NULL,
	program    TEXT NOT NULL,
	args       TEXT NOT NULL,        -- JSON array of text
	go_version TEXT NOT NULL,
	os         TEXT NOT NULL,        -- GOOS/GOARCH
	module     TEXT NOT NULL,
	session    TEXT NOT NULL
);

-- One row per distinct recorded function: the same build recorded twice adds nothing.
CREATE TABLE monitor_functions (
	function_id INTEGER PRIMARY KEY,
	digest      BLOB NOT NULL UNIQUE, -- of all other columns
	name        TEXT NOT NULL,
	package     TEXT NOT NULL,
	file        TEXT NOT NULL,
	line        INTEGER NOT NULL,     -- 0: not known
	signature   TEXT NOT NULL,
	"group"     TEXT NOT NULL,
	process     TEXT NOT NULL,
	options     TEXT NOT NULL,
	source      TEXT NOT NULL,
	data        TEXT NOT NULL         -- JSON [{"name":,"type":,"output":}], in the order of calls.data
);

-- The same data list, a row each: what data_trace joins with.
CREATE TABLE monitor_values (
	function_id INTEGER NOT NULL,
	position    INTEGER NOT NULL, -- index into the JSON array calls.data
	name        TEXT NOT NULL,
	type        TEXT NOT NULL,
	output      INTEGER NOT NULL, -- 1: a result
	PRIMARY KEY (function_id, position)
) WITHOUT ROWID;

-- Calls that a full normal lane did not take.
CREATE TABLE monitor_drops (
	run_id      INTEGER NOT NULL,
	function_id INTEGER NOT NULL,
	dropped     INTEGER NOT NULL,
	last_ns     INTEGER NOT NULL,
	PRIMARY KEY (run_id, function_id)
) WITHOUT ROWID;

-- How far each stream of a spool is stored. Written in the transaction that
-- writes the rows, gone when the run's folder is.
CREATE TABLE monitor_positions (
	run_id  INTEGER NOT NULL,
	lane    INTEGER NOT NULL,
	shard   INTEGER NOT NULL,
	segment INTEGER NOT NULL,
	"offset" INTEGER NOT NULL,
	PRIMARY KEY (run_id, lane, shard)
) WITHOUT ROWID;

-- Counters; run_id 0 for those of the whole file.
CREATE TABLE monitor_stats (
	run_id INTEGER NOT NULL,
	name   TEXT NOT NULL,
	value  INTEGER NOT NULL,
	PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

-- The tables that hold calls, calls_000001 and so on. The one with the highest
-- number takes new rows and has no index beyond its key; a closed one has.
CREATE TABLE monitor_partitions (
	number  INTEGER PRIMARY KEY,
	rows    INTEGER NOT NULL,
	indexed INTEGER NOT NULL DEFAULT 0
);
