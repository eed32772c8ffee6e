-- What the calls of a function that began in the same ten or sixty seconds add
-- up to, per run. The histogram of their durations is that of package
-- internal/histogram; docs/schema.md has its format.
CREATE TABLE monitor_rollups_10s (
	start_s     INTEGER NOT NULL, -- seconds since 1970 UTC, a multiple of 10
	function_id INTEGER NOT NULL,
	run_id      INTEGER NOT NULL,
	calls       INTEGER NOT NULL,
	errors      INTEGER NOT NULL,
	total_ns    INTEGER NOT NULL,
	max_ns      INTEGER NOT NULL,
	histogram   BLOB NOT NULL,    -- of calls that have a duration
	PRIMARY KEY (start_s, function_id, run_id)
) WITHOUT ROWID;
CREATE TABLE monitor_rollups_60s (
	start_s     INTEGER NOT NULL, -- a multiple of 60
	function_id INTEGER NOT NULL,
	run_id      INTEGER NOT NULL,
	calls       INTEGER NOT NULL,
	errors      INTEGER NOT NULL,
	total_ns    INTEGER NOT NULL,
	max_ns      INTEGER NOT NULL,
	histogram   BLOB NOT NULL,
	PRIMARY KEY (start_s, function_id, run_id)
) WITHOUT ROWID;

-- Which function called which.
CREATE TABLE monitor_edges_60s (
	start_s   INTEGER NOT NULL, -- of the calls to the callee
	caller_id INTEGER NOT NULL, -- function_id; 0: a call without a recorded caller, -1: its caller was not stored
	callee_id INTEGER NOT NULL, -- function_id
	run_id    INTEGER NOT NULL,
	calls     INTEGER NOT NULL,
	errors    INTEGER NOT NULL,
	total_ns  INTEGER NOT NULL,
	PRIMARY KEY (start_s, caller_id, callee_id, run_id)
) WITHOUT ROWID;

-- Edges whose caller has not ended: a call is stored before the one that made it.
CREATE TABLE monitor_edges_pending (
	run_id    INTEGER NOT NULL,
	parent_id INTEGER NOT NULL, -- call id of the caller
	callee_id INTEGER NOT NULL,
	start_s   INTEGER NOT NULL,
	calls     INTEGER NOT NULL,
	errors    INTEGER NOT NULL,
	total_ns  INTEGER NOT NULL,
	PRIMARY KEY (run_id, parent_id, callee_id, start_s)
) WITHOUT ROWID;

-- Between which times the calls of a partition lie; NULL where that is not known.
ALTER TABLE monitor_partitions ADD COLUMN first_ns INTEGER; -- the earliest start
ALTER TABLE monitor_partitions ADD COLUMN last_ns INTEGER;  -- the latest end

CREATE VIEW rollups AS
WITH both AS (
	SELECT 10 AS seconds, * FROM monitor_rollups_10s
	UNION ALL
	SELECT 60, * FROM monitor_rollups_60s
)
SELECT
	r.seconds AS seconds,
	strftime('%Y-%m-%d %H:%M:%S', r.start_s, 'unixepoch') AS ts,
	f.process AS process,
	f."group" AS process_group,
	r.function_id AS function_id,
	r.run_id AS run_id,
	r.calls AS calls,
	r.errors AS errors,
	r.total_ns / 1e6 AS total_ms,
	r.max_ns / 1e6 AS max_ms
FROM both r JOIN monitor_functions f USING (function_id);

CREATE VIEW edges AS
SELECT
	strftime('%Y-%m-%d %H:%M:%S', e.start_s, 'unixepoch') AS ts,
	caller.process AS caller,
	callee.process AS callee,
	caller.function_id AS caller_id,
	e.callee_id AS callee_id,
	e.run_id AS run_id,
	e.calls AS calls,
	e.errors AS errors,
	e.total_ns / 1e6 AS total_ms
FROM monitor_edges_60s e
JOIN monitor_functions callee ON callee.function_id = e.callee_id
LEFT JOIN monitor_functions caller ON caller.function_id = e.caller_id;
