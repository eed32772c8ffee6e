-- What generated code calls the function by, the same in every build: live control
-- goes by it. 0 in rows of an earlier version, until the function is recorded again.
ALTER TABLE monitor_functions ADD COLUMN key INTEGER NOT NULL DEFAULT 0;

-- How a process was, about once a second. What nobody knew at the time is NULL: a
-- drainer sees cpu_ns and rss of an idle process, Go's own figures come with calls.
CREATE TABLE monitor_figures (
	run_id          INTEGER NOT NULL,
	at_ns           INTEGER NOT NULL, -- wall clock, nanoseconds since 1970 UTC
	cpu_ns          INTEGER, -- user and system time since the process started
	rss             INTEGER, -- bytes
	heap            INTEGER, -- bytes of objects, dead ones that are not swept included
	heap_goal       INTEGER, -- bytes at which the next collection ends
	goroutines      INTEGER,
	gc_cycles       INTEGER, -- since the process started
	gc_pause_ns     INTEGER, -- sum since the process started
	gc_pause_max_ns INTEGER, -- the longest since the figures before
	PRIMARY KEY (at_ns, run_id)
) WITHOUT ROWID;

CREATE VIEW process_figures AS
SELECT
	run_id,
	strftime('%Y-%m-%d %H:%M:%S', at_ns / 1000000000, 'unixepoch') || printf('.%06d', at_ns / 1000 % 1000000) AS ts,
	cpu_ns / 1e6 AS cpu_ms,
	100.0 * (cpu_ns - lag(cpu_ns) OVER run) / (at_ns - lag(at_ns) OVER run) AS cpu_percent,
	rss AS rss_bytes,
	heap AS heap_bytes,
	heap_goal AS heap_goal_bytes,
	goroutines,
	gc_cycles,
	gc_pause_ns / 1e6 AS gc_pause_ms,
	gc_pause_max_ns / 1e6 AS gc_pause_max_ms
FROM monitor_figures
WINDOW run AS (PARTITION BY run_id ORDER BY at_ns);
