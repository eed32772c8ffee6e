-- 1: what is in the partition has expired. It is not in the view calls any more,
-- and its rows are being taken out.
ALTER TABLE monitor_partitions ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
-- When the partition took its first row and when it was closed, by the clock of
-- who wrote.
ALTER TABLE monitor_partitions ADD COLUMN opened_ns INTEGER;
ALTER TABLE monitor_partitions ADD COLUMN closed_ns INTEGER;
