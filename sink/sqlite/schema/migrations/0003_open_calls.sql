-- Calls that had not ended when their process did.
CREATE TABLE monitor_open_calls (
	run_id      INTEGER NOT NULL,
	call_id     INTEGER NOT NULL,
	function_id INTEGER NOT NULL,
	parent_id   INTEGER NOT NULL, -- 0 for none
	trace_id    INTEGER NOT NULL,
	depth       INTEGER NOT NULL,
	goroutine   INTEGER NOT NULL,
	start_ns    INTEGER NOT NULL,
	seen_ns     INTEGER NOT NULL, -- when the process is known to have lived last
	seen_by     TEXT NOT NULL,    -- what that is known by: record, drainer, file, call
	data        TEXT,             -- JSON array of arguments
	PRIMARY KEY (run_id, call_id)
) WITHOUT ROWID;

CREATE VIEW open_calls AS
SELECT
	strftime('%Y-%m-%d %H:%M:%S', c.start_ns / 1000000000, 'unixepoch') || printf('.%06d', c.start_ns / 1000 % 1000000) AS ts,
	f.process AS process,
	max(c.seen_ns - c.start_ns, 0) / 1e6 AS open_ms,
	c.seen_by AS seen_by,
	f."group" AS process_group,
	c.call_id AS call_id,
	nullif(c.parent_id, 0) AS parent_id,
	c.trace_id AS trace_id,
	c.depth AS depth,
	c.goroutine AS goroutine,
	c.run_id AS run_id,
	c.data AS data
FROM monitor_open_calls c JOIN monitor_functions f USING (function_id);
