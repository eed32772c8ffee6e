-- From version 1 of schema.sql to version 2. Agents of before wait, in the order in
-- which they lock; then they are told at their next call, which has no batch, that
-- the tables are of another version.
LOCK TABLE monitor_runs, monitor_functions, monitor_stacks, monitor_calls IN ACCESS EXCLUSIVE MODE;
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
ALTER TABLE monitor_schema ADD COLUMN rolled_ns bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1e9)::bigint; -- before, calls are summed up when asked for
ALTER TABLE monitor_schema ALTER COLUMN rolled_ns DROP DEFAULT;
CREATE TABLE monitor_counts (
	run_id  bigint NOT NULL,
	from_ns bigint NOT NULL, -- of six hours, as partitions have
	calls   bigint NOT NULL,
	PRIMARY KEY (run_id, from_ns)
);
INSERT INTO monitor_counts SELECT run_id, start_ns - ((start_ns % 21600000000000) + 21600000000000) % 21600000000000 AS from_ns, count(*) FROM monitor_calls GROUP BY run_id, from_ns;
ALTER TABLE monitor_runs ADD COLUMN batches bigint NOT NULL DEFAULT 0;
ALTER TABLE monitor_calls ADD COLUMN batch bigint NOT NULL DEFAULT 0;
ALTER TABLE monitor_calls ALTER COLUMN batch DROP DEFAULT;
CREATE INDEX monitor_calls_trace ON monitor_calls (run_id, trace_id);
CREATE INDEX monitor_calls_batch ON monitor_calls (run_id, batch);
CREATE INDEX monitor_calls_failed ON monitor_calls (run_id, call_id) WHERE failed;
CREATE TABLE monitor_figures (
	run_id bigint NOT NULL, at_ns bigint NOT NULL, cpu_ns bigint, rss bigint, heap bigint, heap_goal bigint, goroutines bigint,
	gc_cycles bigint, gc_pause_ns bigint, gc_pause_max_ns bigint, PRIMARY KEY (run_id, at_ns)
);
CREATE INDEX monitor_figures_at ON monitor_figures (at_ns);
ALTER TABLE monitor_functions ADD COLUMN used_ns bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1e9)::bigint;
ALTER TABLE monitor_functions ALTER COLUMN used_ns DROP DEFAULT;
ALTER TABLE monitor_stacks ADD COLUMN used_ns bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1e9)::bigint;
ALTER TABLE monitor_stacks ALTER COLUMN used_ns DROP DEFAULT;
UPDATE monitor_schema SET version = 2;
