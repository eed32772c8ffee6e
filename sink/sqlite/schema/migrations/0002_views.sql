-- The first partition and the view over all of them; package sqlite adds
-- partitions and remakes the view.
CREATE TABLE calls_000001 (
	id          INTEGER PRIMARY KEY, -- run_id << 40 | call id
	function_id INTEGER,
	parent_id   INTEGER,             -- call id within the run, 0 for none
	trace_id    INTEGER,             -- call id within the run of the root call
	depth       INTEGER,
	goroutine   INTEGER,
	start_ns    INTEGER,
	duration_ns INTEGER,
	status      INTEGER,             -- 0 OK, 1 ERR
	flags       INTEGER,             -- wire.Flag bits
	exception   TEXT,
	data        TEXT                 -- JSON array: arguments, then results
);
INSERT INTO monitor_partitions (number, rows) VALUES (1, 0);
CREATE VIEW calls AS SELECT * FROM calls_000001;

CREATE VIEW functions AS
SELECT function_id, name, package, file, line, signature, "group", process, options, source, data
FROM monitor_functions;

CREATE VIEW runs AS
SELECT run_id, uuid,
	strftime('%Y-%m-%d %H:%M:%S', started_ns / 1000000000, 'unixepoch') || printf('.%06d', started_ns / 1000 % 1000000) AS started,
	CASE WHEN ended THEN
		strftime('%Y-%m-%d %H:%M:%S', last_ns / 1000000000, 'unixepoch') || printf('.%06d', last_ns / 1000 % 1000000)
	END AS ended,
	pid, host, program, args, go_version, os, module, session
FROM monitor_runs;

CREATE VIEW drops AS
SELECT d.run_id, d.function_id, f.process, d.dropped,
	strftime('%Y-%m-%d %H:%M:%S', d.last_ns / 1000000000, 'unixepoch') || printf('.%06d', d.last_ns / 1000 % 1000000) AS last
FROM monitor_drops d JOIN monitor_functions f USING (function_id);

CREATE VIEW sink_stats AS
SELECT nullif(run_id, 0) AS run_id, name, value FROM monitor_stats;

CREATE VIEW process_trace AS
SELECT
	strftime('%Y-%m-%d %H:%M:%S', c.start_ns / 1000000000, 'unixepoch') || printf('.%06d', c.start_ns / 1000 % 1000000) AS ts,
	f.process AS process,
	CASE c.status WHEN 0 THEN 'OK' ELSE 'ERR' END AS status,
	c.duration_ns / 1e6 AS duration_ms,
	c.exception AS exception,
	f."group" AS process_group,
	c.id & 1099511627775 AS call_id,
	nullif(c.parent_id, 0) AS parent_id,
	c.trace_id AS trace_id,
	c.depth AS depth,
	c.goroutine AS goroutine,
	c.id >> 40 AS run_id
FROM calls c JOIN monitor_functions f ON f.function_id = c.function_id;

CREATE VIEW data_trace AS
SELECT
	f.process AS process,
	d.name AS data,
	CASE d.output WHEN 0 THEN 'INPUT' ELSE 'OUTPUT' END AS data_type,
	CASE v.type
		WHEN 'text' THEN v.value
		WHEN 'null' THEN 'nil'
		WHEN 'object' THEN CASE json_type(v.value, '$."$value"')
			WHEN 'text' THEN v.value ->> '$."$value"'
			WHEN 'null' THEN 'nil'
			ELSE ifnull(v.value -> '$."$value"', v.value)
		END
		WHEN 'array' THEN v.value
		ELSE c.data -> ('$[' || v.key || ']')
	END AS data_value,
	strftime('%Y-%m-%d %H:%M:%S', c.start_ns / 1000000000, 'unixepoch') || printf('.%06d', c.start_ns / 1000 % 1000000) AS ts,
	CASE c.status WHEN 0 THEN 'OK' ELSE 'ERR' END AS status,
	c.exception AS exception
FROM calls c
JOIN monitor_functions f ON f.function_id = c.function_id
JOIN json_each(c.data) v
JOIN monitor_values d ON d.function_id = c.function_id AND d.position = v.key;
