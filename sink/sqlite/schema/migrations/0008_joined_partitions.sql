-- The functions are joined within each partition. Where they were joined to the
-- view of all partitions, SQLite copied that into a temporary index for every
-- question that counts or sums up, which took minutes for millions of calls; what
-- is asked of one function is now looked up in each partition's own index. It is a
-- LEFT JOIN so that a question about all functions reads the calls in order, and
-- CROSS JOINs so that values are looked for where their call is known.
--
-- A writer makes monitor_calls anew with each partition, as it does calls.
DROP VIEW process_trace;
DROP VIEW data_trace;

CREATE VIEW monitor_calls AS
SELECT c.*, f.process, f."group" AS process_group FROM calls c LEFT JOIN monitor_functions f ON f.function_id = c.function_id;

CREATE VIEW process_trace AS
SELECT
	strftime('%Y-%m-%d %H:%M:%S', c.start_ns / 1000000000, 'unixepoch') || printf('.%06d', c.start_ns / 1000 % 1000000) AS ts,
	c.process AS process,
	CASE c.status WHEN 0 THEN 'OK' ELSE 'ERR' END AS status,
	c.duration_ns / 1e6 AS duration_ms,
	c.exception AS exception,
	c.process_group AS process_group,
	c.id & 1099511627775 AS call_id,
	nullif(c.parent_id, 0) AS parent_id,
	c.trace_id AS trace_id,
	c.depth AS depth,
	c.goroutine AS goroutine,
	c.id >> 40 AS run_id
FROM monitor_calls c;

CREATE VIEW data_trace AS
SELECT
	c.process AS process,
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
FROM monitor_calls c
CROSS JOIN json_each(c.data) v
CROSS JOIN monitor_values d ON d.function_id = c.function_id AND d.position = v.key;
