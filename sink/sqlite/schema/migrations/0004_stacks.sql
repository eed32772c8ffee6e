-- Stacks on which calls returned errors: one row per distinct one.
CREATE TABLE monitor_stacks (
	stack_id INTEGER PRIMARY KEY,
	digest   BLOB NOT NULL UNIQUE, -- of the text
	text     TEXT NOT NULL
);

-- Which calls an error surfaced in, by the id that they have in calls.
CREATE TABLE monitor_error_stacks (
	id       INTEGER PRIMARY KEY,
	stack_id INTEGER NOT NULL
);

CREATE VIEW error_stacks AS
SELECT e.id >> 40 AS run_id, e.id & 1099511627775 AS call_id, s.text AS stack
FROM monitor_error_stacks e JOIN monitor_stacks s USING (stack_id);
