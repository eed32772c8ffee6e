-- From version 1 of schema.sql to version 2.
ALTER TABLE monitor_runs ADD COLUMN batches bigint NOT NULL DEFAULT 0;
ALTER TABLE monitor_calls ADD COLUMN batch bigint NOT NULL DEFAULT 0;
CREATE INDEX monitor_calls_trace ON monitor_calls (run_id, trace_id);
CREATE INDEX monitor_calls_batch ON monitor_calls (run_id, batch);
CREATE INDEX monitor_calls_failed ON monitor_calls (run_id, call_id) WHERE failed;
CREATE TABLE monitor_figures (
	run_id bigint NOT NULL, at_ns bigint NOT NULL, cpu_ns bigint, rss bigint, heap bigint, heap_goal bigint, goroutines bigint,
	gc_cycles bigint, gc_pause_ns bigint, gc_pause_max_ns bigint, PRIMARY KEY (run_id, at_ns)
);
UPDATE monitor_schema SET version = 2;
