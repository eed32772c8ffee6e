package sqlite

import (
	"context"
	"fmt"
	"time"
)

// Defaults of Retention.
const (
	DefaultAge     = 6 * time.Hour
	DefaultSize    = 10 << 30
	DefaultRollups = 7 * 24 * time.Hour
)

// Retention says how long a Store keeps what it is given. A field that is zero
// has its default, one that is negative sets no bound.
//
// Calls go by whole partitions, the oldest first, when the youngest of their
// calls ended more than Age ago, or while the database takes more than Size. A
// partition spans a twelfth of Age at most, so a call stays up to that much
// longer. What is free in the file is used again; the file does not shrink.
type Retention struct {
	Age     time.Duration // of calls, open calls and ten-second rollups; DefaultAge
	Size    int64         // of the database in use, in bytes; DefaultSize
	Rollups time.Duration // of sixty-second rollups, edges, and runs that have ended; DefaultRollups, and more than Age
}

// KeepAll is a Retention that takes nothing away.
var KeepAll = Retention{Age: -1, Size: -1, Rollups: -1}

func (r Retention) withDefaults() Retention {
	if r.Age == 0 {
		r.Age = DefaultAge
	}
	if r.Size == 0 {
		r.Size = DefaultSize
	}
	if r.Rollups == 0 {
		r.Rollups = DefaultRollups
	}
	if r.Age < 0 {
		r.Rollups = -1 // calls need what is known of their runs
	}
	if r.Rollups > 0 {
		r.Rollups = max(r.Rollups, r.Age+2*r.span())
	}
	return r
}

// span is how long a partition takes rows at most; 0 for as long as it has room.
func (r Retention) span() time.Duration { return max(r.Age/partitionsPerAge, 0) }

const partitionsPerAge = 12

// Reasons why a partition goes.
const (
	ReasonAge  = "age"
	ReasonSize = "size"
)

// Partition is a table of calls.
type Partition struct {
	Number      int64
	Rows        int64
	First, Last time.Time // start of the first call, end of the last; zero where there is none
	Open        bool      // it takes new rows
	Reason      string    // why it goes now; "" for one that stays
}

// Table is what the partition is called in SQL.
func (p *Partition) Table() string { return tableName(p.Number) }

// Plan is what a Retention makes of a database.
type Plan struct {
	Retention  Retention
	Now        time.Time
	Used, Free int64       // bytes of the file
	Partitions []Partition // the oldest first
}

// Going returns the partitions that go, and how many rows they have.
func (p *Plan) Going() (partitions []Partition, rows int64) {
	for _, one := range p.Partitions {
		if one.Reason != "" {
			partitions = append(partitions, one)
			rows += one.Rows
		}
	}
	return partitions, rows
}

// Plan says what would go now. It changes nothing.
func (s *Store) Plan(ctx context.Context) (*Plan, error) {
	plan := &Plan{Retention: s.options.Retention, Now: s.options.Now()}
	var err error
	if plan.Used, plan.Free, err = s.sizes(ctx); err != nil {
		return nil, fmt.Errorf("%s: plan retention: %w", s.path, err)
	}
	if plan.Partitions, err = s.partitions(ctx, plan.Now); err != nil {
		return nil, fmt.Errorf("%s: plan retention: %w", s.path, err)
	}
	plan.decide()
	return plan, nil
}

// decide gives the partitions that go their reasons.
func (p *Plan) decide() {
	var rows int64
	for _, one := range p.Partitions {
		rows += one.Rows
	}
	used := p.Used
	for i := range p.Partitions {
		one := &p.Partitions[i]
		if one.Open {
			continue
		}
		switch {
		case p.Retention.Age > 0 && one.Last.Before(p.Now.Add(-p.Retention.Age)):
			one.Reason = ReasonAge
		case p.Retention.Size > 0 && used > p.Retention.Size:
			one.Reason = ReasonSize
		default:
			continue
		}
		if rows > 0 {
			used -= p.Used * one.Rows / rows // about: rows differ
		}
	}
}

// sizes returns how many bytes of the file are in use and how many are free.
func (s *Store) sizes(ctx context.Context) (used, free int64, err error) {
	var pages, unused, size int64
	for pragma, into := range map[string]*int64{"page_count": &pages, "freelist_count": &unused, "page_size": &size} {
		if err := s.conn.QueryRowContext(ctx, "PRAGMA main."+pragma).Scan(into); err != nil {
			return 0, 0, err
		}
	}
	return (pages - unused) * size, unused * size, nil
}

// partitions returns those that are in the view calls. A row that is of a clock
// which was far ahead does not keep the others: the partition's last call ended
// when it was closed then.
func (s *Store) partitions(ctx context.Context, now time.Time) (all []Partition, err error) {
	far := now.Add(max(s.options.Retention.Age, 0)).UnixNano()
	rows, err := s.conn.QueryContext(ctx, `SELECT number, rows, ifnull(first_ns, 0),
		ifnull(CASE WHEN last_ns <= ? THEN last_ns ELSE min(last_ns, ifnull(closed_ns, last_ns)) END, 0),
		number = (SELECT max(number) FROM monitor_partitions) FROM monitor_partitions WHERE NOT expired ORDER BY number`, far)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p Partition
		var first, last int64
		if err := rows.Scan(&p.Number, &p.Rows, &first, &last, &p.Open); err != nil {
			return nil, err
		}
		if first != 0 {
			p.First, p.Last = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		}
		all = append(all, p)
	}
	return all, rows.Err()
}
