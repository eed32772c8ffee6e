-- One row: the version of the tables.
CREATE TABLE monitor_schema (version int NOT NULL);
INSERT INTO monitor_schema VALUES (1);

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
	session    text NOT NULL
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
	data        json NOT NULL          -- [{"name":,"type":,"output":}], in the order of monitor_calls.data
);

CREATE TABLE monitor_stacks (
	digest bytea PRIMARY KEY, -- of the text
	text   text NOT NULL
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
	PRIMARY KEY (run_id, call_id, start_ns)
) PARTITION BY RANGE (start_ns);
CREATE INDEX monitor_calls_function ON monitor_calls (function_id, start_ns);
CREATE INDEX monitor_calls_start ON monitor_calls (start_ns);

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

-- What version 1 had stored.
CREATE TABLE monitor_calls_h472224 (LIKE monitor_calls INCLUDING ALL);
ALTER TABLE monitor_calls ATTACH PARTITION monitor_calls_h472224 FOR VALUES FROM (1700006400000000000) TO (1700028000000000000);
INSERT INTO monitor_runs (uuid, started_ns, last_ns, pid, host, program, args, go_version, os, module, session)
VALUES ('old', 1700006400000000000, 1700006400000000000, 1, '', '', '[]', '', '', '', '');
INSERT INTO monitor_functions (digest, name, package, file, line, signature, "group", process, options, source, data)
VALUES ('\x0100000000000000000000000000000000000000000000000000000000000000', 'Outer', 'example.com/x', '', 0, '', 'x', 'x.Outer', '', '', '[]');
INSERT INTO monitor_calls VALUES (1, 1, 1, 0, 1, 0, 1, 1700006400000000000, 5, true, 1, 'broken', NULL, '["x"]');
