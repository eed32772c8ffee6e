package archive

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Partition is a table of a database that takes no more rows.
type Partition struct {
	Table string
	Rows  int64
}

// Closed returns the partitions of a database that take no more rows, oldest first.
func Closed(ctx context.Context, database string) (closed []Partition, err error) {
	db, err := query.Open(ctx, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	const maxPartitions = 1_000_000
	table, err := db.SQL(ctx, `SELECT printf('calls_%06d', number), rows FROM monitor_partitions
		WHERE number < (SELECT max(number) FROM monitor_partitions) ORDER BY number`, maxPartitions)
	if err != nil {
		return nil, err
	}
	for _, row := range table.Rows {
		name, ok1 := row[0].(string)
		rows, ok2 := row[1].(int64)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%s: partition %v", database, row)
		}
		closed = append(closed, Partition{Table: name, Rows: rows})
	}
	return closed, nil
}
