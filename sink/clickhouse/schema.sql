-- What stands in /*+ */ is for engines of the years since firstModern (dialect.go).
-- monitor_time and monitor_text are written out by the program: no function of the
-- server's is made.
-- Tables have what was written, views on them the names and columns of sink/postgres.
-- Keys make rows that come twice one; FINAL sees that before they
-- are merged. ANY LEFT JOIN takes one row of the right side for each of the left, in old
-- engines and new ones; all that is asked for there is there.

CREATE TABLE IF NOT EXISTS monitor_stored_runs (
	run_id     Int64,  -- below 2^23: a call's place in all runs is one number of 63 bits
	uuid       String, -- 32 hexadecimal digits
	state      UInt8,  -- run.go: claimed, kept, given up
	started_ns Int64,  -- wall clock, nanoseconds since 1970 UTC, as all *_ns columns that are not durations
	pid        Int64,
	host       String,
	program    String,
	args       String, -- JSON array of text
	go_version String,
	os         String,
	module     String,
	session    String
) ENGINE = ReplacingMergeTree(state) ORDER BY (run_id, uuid) /*+ SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 */;

-- How far the spool of a run is read, and the counts of what was: a row has both, so
-- they agree whatever comes again. The row of the highest version counts.
CREATE TABLE IF NOT EXISTS monitor_progress (
	run_id   Int64,
	version  UInt64,
	last_ns  Int64,         -- end of the latest call that was stored
	ended    UInt8,
	batches  Int64,         -- that brought calls: the number of the latest
	lanes    Array(UInt8),  -- these four belong together
	shards   Array(UInt32),
	segments Array(UInt32),
	offsets  Array(UInt64),
	names    Array(String), -- of counters
	"values" Array(Int64)
) ENGINE = ReplacingMergeTree(version) ORDER BY run_id /*+ SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 */;

CREATE TABLE IF NOT EXISTS monitor_stored_functions (
	function_id Int64,           -- 53 bits of digest
	digest      FixedString(32), -- of all that describes the function
	name        String,
	package     String,
	file        String,
	line        Int32,           -- 0: not known
	signature   String,
	"group"     String,
	process     String,
	options     String,
	source      String,
	data        String,          -- JSON: [{"name":,"type":,"output":}], in the order of monitor_stored_calls.data
	value_names   Array(String), -- the same again, for views
	value_outputs Array(UInt8)
) ENGINE = ReplacingMergeTree ORDER BY function_id /*+ SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 */;

CREATE TABLE IF NOT EXISTS monitor_stored_stacks (
	digest FixedString(32), -- of the text
	text   String
) ENGINE = ReplacingMergeTree ORDER BY digest /*+ SETTINGS fsync_after_insert = 1, fsync_part_directory = 1 */;

-- A day is a partition, and goes as a whole. A call has one start, so one partition; it
-- is in the key because FINAL lets conditions on the key alone choose what is read.
CREATE TABLE IF NOT EXISTS monitor_stored_calls (
	run_id      Int64,
	call_id     Int64 /*+ CODEC(Delta, ZSTD) */,
	function_id Int64 /*+ CODEC(ZSTD) */,
	parent_id   Int64 /*+ CODEC(Delta, ZSTD) */, -- 0 for none
	trace_id    Int64 /*+ CODEC(Delta, ZSTD) */,
	depth       Int32 /*+ CODEC(ZSTD) */,
	goroutine   Int64 /*+ CODEC(ZSTD) */,
	start_ns    Int64 /*+ CODEC(Delta, ZSTD) */,
	duration_ns Nullable(Int64) /*+ CODEC(ZSTD) */, -- NULL: a sample left the call out, and its error brought it in
	failed      UInt8,
	flags       UInt8,
	exception   Nullable(String) /*+ CODEC(ZSTD) */,
	stack       String /*+ CODEC(ZSTD) */,        -- monitor_stored_stacks.digest, or empty
	data        Array(String) /*+ CODEC(ZSTD) */, -- JSON of each argument, then of each result
	batch       Int64 /*+ CODEC(Delta, ZSTD) */   -- of its run: they are written in this order
	/*+ , INDEX start start_ns TYPE minmax GRANULARITY 1 */
	/*+ , INDEX failed failed TYPE minmax GRANULARITY 1 */
) ENGINE = ReplacingMergeTree PARTITION BY intDiv(start_ns, 86400000000000) ORDER BY (run_id, call_id, start_ns)
/*TTL*/ /*+ SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1 */;

CREATE TABLE IF NOT EXISTS monitor_stored_open_calls (
	run_id      Int64,
	call_id     Int64,
	function_id Int64,
	parent_id   Int64,
	trace_id    Int64,
	depth       Int32,
	goroutine   Int64,
	start_ns    Int64,
	seen_ns     Int64, -- when the process is known to have lived last
	seen_by     String,
	data        String -- JSON array, or empty
) ENGINE = ReplacingMergeTree ORDER BY (run_id, call_id);

-- A row for each time that a full spool said so: the same one is the same row.
CREATE TABLE IF NOT EXISTS monitor_stored_drops (
	run_id      Int64,
	function_id Int64,
	at_ns       Int64,
	count       Int64
) ENGINE = ReplacingMergeTree ORDER BY (run_id, function_id, at_ns, count);

-- How processes were.
CREATE TABLE IF NOT EXISTS monitor_stored_figures (
	run_id          Int64,
	at_ns           Int64,
	cpu_ns          Nullable(Int64), -- sums since the start, as gc_cycles and gc_pause_ns; NULL: not known
	rss             Nullable(Int64),
	heap            Nullable(Int64),
	heap_goal       Nullable(Int64),
	goroutines      Nullable(Int64),
	gc_cycles       Nullable(Int64),
	gc_pause_ns     Nullable(Int64),
	gc_pause_max_ns Nullable(Int64)
) ENGINE = ReplacingMergeTree ORDER BY (run_id, at_ns);

CREATE VIEW IF NOT EXISTS monitor_runs AS
SELECT run_id, uuid, started_ns, greatest(last_ns, started_ns) AS last_ns, ended, pid, host, program, args, go_version, os, module, session, batches
FROM (SELECT * FROM monitor_stored_runs FINAL WHERE state = 1) AS c
ANY LEFT JOIN (SELECT run_id, last_ns, ended, batches FROM monitor_progress FINAL) AS f USING (run_id);

CREATE VIEW IF NOT EXISTS monitor_functions AS
SELECT function_id, digest, name, package, file, line, signature, "group", process, options, source, data FROM monitor_stored_functions FINAL;

CREATE VIEW IF NOT EXISTS monitor_stacks AS SELECT digest, text FROM monitor_stored_stacks FINAL;

CREATE VIEW IF NOT EXISTS monitor_calls AS
SELECT run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, duration_ns, failed, flags, exception, stack,
	concat('[', arrayStringConcat(data, ','), ']') AS data, batch
FROM monitor_stored_calls FINAL;

CREATE VIEW IF NOT EXISTS monitor_open_calls AS SELECT * FROM monitor_stored_open_calls FINAL;

CREATE VIEW IF NOT EXISTS monitor_drops AS
SELECT run_id, function_id, sum(count) AS dropped, max(at_ns) AS last_ns FROM monitor_stored_drops FINAL GROUP BY run_id, function_id;

CREATE VIEW IF NOT EXISTS monitor_stats AS
SELECT run_id, name, value FROM monitor_progress FINAL ARRAY JOIN names AS name, "values" AS value;

CREATE VIEW IF NOT EXISTS monitor_figures AS SELECT * FROM monitor_stored_figures FINAL;

CREATE VIEW IF NOT EXISTS process_trace AS
SELECT monitor_time(start_ns) AS ts, process, if(failed = 1, 'ERR', 'OK') AS status,
	duration_ns / 1000000 AS duration_ms, exception, "group" AS process_group, call_id,
	nullIf(parent_id, 0) AS parent_id, trace_id, depth, goroutine, run_id
FROM (SELECT run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, duration_ns, failed, exception FROM monitor_stored_calls FINAL) AS c
ANY LEFT JOIN (SELECT function_id, process, "group" FROM monitor_stored_functions) AS f USING (function_id);

CREATE VIEW IF NOT EXISTS data_trace AS
SELECT process, value_names[position] AS data, if(value_outputs[position] = 1, 'OUTPUT', 'INPUT') AS data_type,
	monitor_text(value) AS data_value, monitor_time(start_ns) AS ts, if(failed = 1, 'ERR', 'OK') AS status, exception
FROM (SELECT function_id, start_ns, failed, exception, value, position FROM monitor_stored_calls FINAL ARRAY JOIN data AS value, arrayEnumerate(data) AS position) AS c
ANY LEFT JOIN (SELECT function_id, process, value_names, value_outputs FROM monitor_stored_functions) AS f USING (function_id)
WHERE position <= length(value_names);

CREATE VIEW IF NOT EXISTS functions AS
SELECT function_id, name, package, file, line, signature, "group", process, options, source, data FROM monitor_functions;

CREATE VIEW IF NOT EXISTS runs AS
SELECT run_id, uuid, monitor_time(started_ns) AS started, if(ended = 1, monitor_time(last_ns), NULL) AS ended,
	pid, host, program, args, go_version, os, module, session
FROM monitor_runs;

CREATE VIEW IF NOT EXISTS open_calls AS
SELECT monitor_time(start_ns) AS ts, process, greatest(seen_ns - start_ns, 0) / 1000000 AS open_ms, seen_by,
	"group" AS process_group, call_id, nullIf(parent_id, 0) AS parent_id, trace_id, depth, goroutine, run_id, data
FROM (SELECT * FROM monitor_open_calls) AS c
ANY LEFT JOIN (SELECT function_id, process, "group" FROM monitor_stored_functions) AS f USING (function_id);

CREATE VIEW IF NOT EXISTS error_stacks AS
SELECT run_id, call_id, text AS stack
FROM (SELECT run_id, call_id, toFixedString(stack, 32) AS digest FROM monitor_stored_calls FINAL WHERE stack != '') AS c
ANY LEFT JOIN (SELECT digest, text FROM monitor_stored_stacks) AS f USING (digest);

CREATE VIEW IF NOT EXISTS drops AS
SELECT run_id, function_id, process, dropped, monitor_time(last_ns) AS last
FROM (SELECT * FROM monitor_drops) AS c
ANY LEFT JOIN (SELECT function_id, process FROM monitor_stored_functions) AS f USING (function_id);

CREATE VIEW IF NOT EXISTS sink_stats AS
SELECT run_id, name, value FROM monitor_stats;

-- One row, written last: the version of the tables.
CREATE TABLE IF NOT EXISTS monitor_schema (version Int32) ENGINE = ReplacingMergeTree ORDER BY version;
INSERT INTO monitor_schema SELECT toInt32(1);
