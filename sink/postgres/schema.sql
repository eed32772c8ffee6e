-- One row: the version of the tables, and from when on there are rollups of calls.
CREATE TABLE monitor_schema (version int NOT NULL, rolled_ns bigint NOT NULL);
INSERT INTO monitor_schema VALUES (2, 0);

CREATE TABLE monitor_runs (
	run_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	uuid       text NOT NULL UNIQUE, -- 32 hexadecimal digits
	started_ns bigint NOT NULL,      -- wall clock, nanoseconds since 1970 UTC, as all *_ns columns that are not durations
	last_ns    bigint NOT NULL,      -- end of the latest call that was stored
	ended      boolean NOT NULL DEFAULT false,
	pid        bigint NOT NULL,
	host       text NOT NULL,
	program    text NOT NULL,
	args       json NOT NULL,        -- array of text
	go_version text NOT NULL,
	os         text NOT NULL,
	module     text NOT NULL,
	session    text NOT NULL,
	batches    bigint NOT NULL DEFAULT 0 -- that brought calls: the number of the latest
);

CREATE TABLE monitor_functions (
	function_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	digest      bytea NOT NULL UNIQUE, -- of all that describes the function
	name        text NOT NULL,
	package     text NOT NULL,
	file        text NOT NULL,
	line        int NOT NULL,          -- 0: not known
	signature   text NOT NULL,
	"group"     text NOT NULL,
	process     text NOT NULL,
	options     text NOT NULL,
	source      text NOT NULL,
	data        json NOT NULL,         -- [{"name":,"type":,"output":}], in the order of monitor_calls.data
	used_ns     bigint NOT NULL        -- the end of the latest partition with a call of it: they expire together
);

CREATE TABLE monitor_stacks (
	digest  bytea PRIMARY KEY, -- of the text
	text    text NOT NULL,
	used_ns bigint NOT NULL    -- as in monitor_functions
);

-- The start is in the key because the table is cut up by it: a call has one start.
CREATE TABLE monitor_calls (
	run_id      bigint NOT NULL,
	call_id     bigint NOT NULL,
	function_id bigint NOT NULL,
	parent_id   bigint NOT NULL,  -- 0 for none
	trace_id    bigint NOT NULL,
	depth       int NOT NULL,
	goroutine   bigint NOT NULL,
	start_ns    bigint NOT NULL,
	duration_ns bigint,           -- NULL: a sample left the call out, and its error brought it in
	failed      boolean NOT NULL,
	flags       smallint NOT NULL,
	exception   text,
	stack       bytea,            -- monitor_stacks.digest
	data        json,             -- array: arguments, then results
	batch       bigint NOT NULL,  -- of its run: they are committed in this order
	PRIMARY KEY (run_id, call_id, start_ns)
) /*PARTITION*/;
CREATE INDEX monitor_calls_function ON monitor_calls (function_id, start_ns);
CREATE INDEX monitor_calls_start ON monitor_calls (start_ns);
CREATE INDEX monitor_calls_trace ON monitor_calls (run_id, trace_id);
CREATE INDEX monitor_calls_batch ON monitor_calls (run_id, batch);
CREATE INDEX monitor_calls_failed ON monitor_calls (run_id, call_id) WHERE failed;

CREATE TABLE monitor_open_calls (
	run_id      bigint NOT NULL,
	call_id     bigint NOT NULL,
	function_id bigint NOT NULL,
	parent_id   bigint NOT NULL,
	trace_id    bigint NOT NULL,
	depth       int NOT NULL,
	goroutine   bigint NOT NULL,
	start_ns    bigint NOT NULL,
	seen_ns     bigint NOT NULL, -- when the process is known to have lived last
	seen_by     text NOT NULL,
	data        json,
	PRIMARY KEY (run_id, call_id)
);

CREATE TABLE monitor_drops (
	run_id      bigint NOT NULL,
	function_id bigint NOT NULL,
	dropped     bigint NOT NULL,
	last_ns     bigint NOT NULL,
	PRIMARY KEY (run_id, function_id)
);

CREATE TABLE monitor_positions (
	run_id    bigint NOT NULL,
	lane      smallint NOT NULL,
	shard     bigint NOT NULL,
	segment   bigint NOT NULL,
	"offset"  bigint NOT NULL,
	PRIMARY KEY (run_id, lane, shard)
);

CREATE TABLE monitor_stats (
	run_id bigint NOT NULL, -- 0: of all runs
	name   text NOT NULL,
	value  bigint NOT NULL,
	PRIMARY KEY (run_id, name)
);

-- What the calls of a run add up to, by function and minute in which they began.
CREATE TABLE monitor_rollups (
	run_id      bigint NOT NULL,
	start_s     bigint NOT NULL,  -- seconds since 1970 UTC, of a minute
	function_id bigint NOT NULL,
	calls       bigint NOT NULL,
	errors      bigint NOT NULL,
	total_ns    bigint NOT NULL,
	max_ns      bigint NOT NULL,
	histogram   bytea NOT NULL,   -- of durations, as in docs/schema.md
	PRIMARY KEY (run_id, start_s, function_id)
) WITH (fillfactor = 60);
CREATE INDEX monitor_rollups_start ON monitor_rollups (start_s);

-- How many calls there are: counting them takes a second for each few millions.
CREATE TABLE monitor_counts (
	run_id  bigint NOT NULL,
	from_ns bigint NOT NULL, -- of six hours, as partitions have
	calls   bigint NOT NULL,
	PRIMARY KEY (run_id, from_ns)
);

-- How processes were.
CREATE TABLE monitor_figures (
	run_id          bigint NOT NULL,
	at_ns           bigint NOT NULL,
	cpu_ns          bigint, -- sums since the start, as gc_cycles and gc_pause_ns; NULL: not known
	rss             bigint,
	heap            bigint,
	heap_goal       bigint,
	goroutines      bigint,
	gc_cycles       bigint,
	gc_pause_ns     bigint,
	gc_pause_max_ns bigint,
	PRIMARY KEY (run_id, at_ns)
);
CREATE INDEX monitor_figures_at ON monitor_figures (at_ns);

CREATE FUNCTION monitor_time(ns bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
	RETURN timestamptz 'epoch' + (ns / 1000) * interval '1 microsecond';

-- The text of a value, as SQLite's data_trace shows it.
CREATE FUNCTION monitor_text(value json) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN CASE json_typeof(value)
		WHEN 'string' THEN value #>> '{}'
		WHEN 'null' THEN 'nil'
		WHEN 'object' THEN CASE json_typeof(value -> '$value')
			WHEN 'null' THEN 'nil'
			ELSE coalesce(value ->> '$value', value::text)
		END
		ELSE value::text
	END;

CREATE VIEW process_trace AS
SELECT monitor_time(c.start_ns) AS ts, f.process, CASE WHEN c.failed THEN 'ERR' ELSE 'OK' END AS status,
	c.duration_ns / 1e6::float8 AS duration_ms, c.exception, f."group" AS process_group, c.call_id,
	nullif(c.parent_id, 0) AS parent_id, c.trace_id, c.depth, c.goroutine, c.run_id
FROM monitor_calls c JOIN monitor_functions f USING (function_id);

CREATE VIEW data_trace AS
SELECT f.process, d.value ->> 'name' AS data,
	CASE WHEN (d.value ->> 'output')::boolean THEN 'OUTPUT' ELSE 'INPUT' END AS data_type,
	monitor_text(v.value) AS data_value, monitor_time(c.start_ns) AS ts,
	CASE WHEN c.failed THEN 'ERR' ELSE 'OK' END AS status, c.exception
FROM monitor_calls c
JOIN monitor_functions f USING (function_id)
CROSS JOIN LATERAL json_array_elements(c.data) WITH ORDINALITY v (value, position)
CROSS JOIN LATERAL json_array_elements(f.data) WITH ORDINALITY d (value, position)
WHERE v.position = d.position;

CREATE VIEW functions AS
SELECT function_id, name, package, file, line, signature, "group", process, options, source, data FROM monitor_functions;

CREATE VIEW runs AS
SELECT run_id, uuid, monitor_time(started_ns) AS started, CASE WHEN ended THEN monitor_time(last_ns) END AS ended,
	pid, host, program, args, go_version, os, module, session
FROM monitor_runs;

CREATE VIEW open_calls AS
SELECT monitor_time(c.start_ns) AS ts, f.process, greatest(c.seen_ns - c.start_ns, 0) / 1e6::float8 AS open_ms, c.seen_by,
	f."group" AS process_group, c.call_id, nullif(c.parent_id, 0) AS parent_id, c.trace_id, c.depth, c.goroutine, c.run_id, c.data
FROM monitor_open_calls c JOIN monitor_functions f USING (function_id);

CREATE VIEW error_stacks AS
SELECT c.run_id, c.call_id, s.text AS stack FROM monitor_calls c JOIN monitor_stacks s ON s.digest = c.stack;

CREATE VIEW drops AS
SELECT d.run_id, d.function_id, f.process, d.dropped, monitor_time(d.last_ns) AS last
FROM monitor_drops d JOIN monitor_functions f USING (function_id);

CREATE VIEW sink_stats AS
SELECT nullif(run_id, 0) AS run_id, name, value FROM monitor_stats;
