package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// runBits is how large a run's number may be: with a call's 40 bits it makes one key
// of 63, which readers name a call by.
const runBits = 23

// places is how many numbers are tried for a run.
const places = 32

// States of a row of monitor_stored_runs. Of a run and a number the highest counts.
const (
	claimed = iota // not looked yet whether another has the number too
	kept
	givenUp // another has it
)

// placesOf returns the numbers that a run may have, in the order in which it tries
// them. ClickHouse has no sequences, and ones that agents count up together would have
// them wait for each other.
func placesOf(uuid string) (ids []int64) {
	for n := range places {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", uuid, n))
		if id := int64(binary.LittleEndian.Uint64(sum[:8]) & (1<<runBits - 1)); id != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// Run makes a run known and returns where its reading goes on.
func (s *Store) Run(ctx context.Context, info *spool.Info) (id sink.RunID, positions []spool.Position, err error) {
	err = s.do(ctx, "make run "+info.ID+" known", func(ctx context.Context) error {
		number, err := s.number(ctx, info)
		if err != nil {
			return err
		}
		p, err := s.readProgress(ctx, number)
		if err != nil {
			return fmt.Errorf("progress: %w", err)
		}
		id, positions = sink.RunID(number), slices.Clone(p.positions)
		s.runs[id] = p
		return nil
	})
	return id, positions, err
}

// number returns the number of a run: the one that it has, or the first of its places
// that no other run has. A number is claimed before it is looked whether another has
// claimed it too, and given up when that is so: of two that claim the same one at the
// same time one sees the other, or both do.
func (s *Store) number(ctx context.Context, info *spool.Info) (int64, error) {
	held, others, err := s.claims(ctx, info.ID)
	if err != nil {
		return 0, err
	}
	for id, state := range held {
		if state == kept {
			return id, nil
		}
	}
	for _, id := range placesOf(info.ID) {
		if others[id] || held[id] == givenUp {
			continue
		}
		if err := s.writeRun(ctx, id, claimed, info); err != nil {
			return 0, err
		}
		if _, others, err = s.claims(ctx, info.ID); err != nil {
			return 0, err
		}
		state := uint8(kept)
		if others[id] {
			state = givenUp
		}
		if err := s.writeRun(ctx, id, state, info); err != nil || state == kept {
			return id, err
		}
	}
	return 0, errors.New("other runs have all the numbers that this one may have: there are too many in the database")
}

// claims returns the state of a run's places that are its own, and which others have.
func (s *Store) claims(ctx context.Context, uuid string) (held map[int64]uint8, others map[int64]bool, err error) {
	list := strings.Trim(fmt.Sprint(placesOf(uuid)), "[]")
	lines, err := s.client.query(ctx, "SELECT run_id, uuid, max(state) FROM monitor_stored_runs WHERE run_id IN ("+strings.ReplaceAll(list, " ", ", ")+") GROUP BY run_id, uuid")
	if err != nil {
		return nil, nil, err
	}
	held, others = map[int64]uint8{}, map[int64]bool{}
	for _, line := range lines {
		if len(line) != 3 {
			return nil, nil, errAnswer
		}
		id, err := strconv.ParseInt(line[0], 10, 64)
		state, err2 := strconv.ParseUint(line[2], 10, 8)
		if err := errors.Join(err, err2); err != nil {
			return nil, nil, err
		}
		if line[1] == uuid {
			held[id] = uint8(state)
		} else if state != givenUp {
			others[id] = true
		}
	}
	return held, others, nil
}

// errAnswer says that an answer has not the form that was asked for.
var errAnswer = errors.New("the server's answer is not what was asked for")

func (s *Store) writeRun(ctx context.Context, id int64, state uint8, info *spool.Info) error {
	args, err := json.Marshal(append([]string{}, info.Args...))
	if err != nil {
		return err
	}
	var r rows
	r.int64(id)
	r.text(info.ID)
	r.uint8(state)
	r.int64(info.Start)
	r.int64(int64(info.PID))
	for _, text := range []string{info.Host, info.Program, string(args), info.Go, info.OS, info.Module, info.Session} {
		r.text(text)
	}
	return s.client.insert(ctx, "monitor_stored_runs", "run_id, uuid, state, started_ns, pid, host, program, args, go_version, os, module, session", r)
}
