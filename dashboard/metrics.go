package dashboard

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// metricsAnswer is how recording is doing now.
type metricsAnswer struct {
	Now       moment       `json:"now_ns"`
	State     *string      `json:"state"`
	Rate      float64      `json:"rate"`
	ErrorRate float64      `json:"error_rate"`
	LastWrite moment       `json:"last_write_ns"`
	WriteLag  *int64       `json:"write_lag_ns"`
	Bytes     int64        `json:"database_bytes"`
	Sinks     []sinkRow    `json:"sinks"`
	Lanes     []laneRow    `json:"lanes"`
	Processes []processRow `json:"processes"`
	Clients   clientsRow   `json:"clients"`
}

type laneRow struct {
	Lane       string `json:"lane"`
	Waiting    *int64 `json:"waiting_bytes"` // not stored yet; nil: nobody tells
	Enqueued   int64  `json:"enqueued"`
	Overflowed int64  `json:"overflowed"`
	Recovered  int64  `json:"recovered"`
	Dropped    int64  `json:"dropped"`
	Bytes      int64  `json:"bytes"`
	Bound      int64  `json:"bound"`
	UsedMax    int64  `json:"used_max"`
	Warnings   int64  `json:"warnings"`
}

type processRow struct {
	Run     int64  `json:"run"`
	PID     int64  `json:"pid"`
	Program string `json:"program"`

	At         moment   `json:"at_ns"` // of the figures; null without
	CPU        *float64 `json:"cpu"`   // processors in use
	RSS        *int64   `json:"rss_bytes"`
	Heap       *int64   `json:"heap_bytes"`
	Goroutines *int64   `json:"goroutines"`
}

type clientsRow struct {
	Connected int64 `json:"connected"`
	Skipped   int64 `json:"skipped"`
}

// sinkRow is a living sink of the database.
type sinkRow struct {
	PID      int    `json:"pid"`
	Host     string `json:"host"`
	Program  string `json:"program"`
	State    string `json:"state"`
	Breaker  string `json:"breaker"`
	Failures int64  `json:"failures"`
	Error    string `json:"error"`
	Behind   int64  `json:"behind_ns"`
}

func (s *Server) getMetrics(r *http.Request) (any, error) { return s.metrics(r.Context()) }

// rateWindow is what rates are of, at least.
const rateWindow = 10 * time.Second

func (s *Server) metrics(ctx context.Context) (*metricsAnswer, error) {
	now := time.Now()
	m := &metricsAnswer{Now: moment(now.UnixNano()), Sinks: []sinkRow{}, Processes: []processRow{}}
	stats, err := s.repo.SinkStats(ctx)
	if err != nil {
		return nil, err
	}
	m.Lanes = lanesOf(stats)
	for _, stat := range stats {
		if stat.Run == 0 && stat.Name == "last_write_ns" {
			m.LastWrite = moment(stat.Value)
		}
	}
	spooled := s.spooled(ctx)
	m.addWaiting(spooled)
	if err := s.addProcesses(ctx, m, spooled); err != nil {
		return nil, err
	}
	if len(m.Processes) > 0 && m.LastWrite != 0 {
		lag := max(now.UnixNano()-int64(m.LastWrite), 0)
		m.WriteLag = &lag
	}
	m.addSinks(s.options.Sinks)
	if m.Rate, m.ErrorRate, err = s.rate(ctx, now); err != nil {
		return nil, err
	}
	m.Clients = s.live.clients()
	m.Bytes = size(s.repo.Path())
	return m, nil
}

// addWaiting fills in how long the queues are.
func (m *metricsAnswer) addWaiting(spooled map[string]Spooled) {
	if spooled == nil {
		return
	}
	for i := range m.Lanes {
		var waiting int64
		for _, run := range spooled {
			waiting += run.Waiting[m.Lanes[i].Lane]
		}
		m.Lanes[i].Waiting = &waiting
	}
}

// addProcesses fills in the living processes.
func (s *Server) addProcesses(ctx context.Context, m *metricsAnswer, spooled map[string]Spooled) error {
	runs, err := s.runs(ctx, spooled)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if !run.Living {
			continue
		}
		row := processRow{Run: run.ID, PID: run.PID, Program: run.Program}
		if f, err := s.repo.Figures(ctx, run.ID); err != nil {
			return err
		} else if f != nil {
			row.At, row.CPU, row.RSS, row.Heap, row.Goroutines = moment(f.At), f.CPU, f.RSS, f.Heap, f.Goroutines
		}
		m.Processes = append(m.Processes, row)
	}
	return nil
}

// addSinks asks how the living sinks are. The worst of them is the state.
func (m *metricsAnswer) addSinks(ask func() ([]SinkState, error)) {
	if ask == nil {
		return
	}
	sinks, err := ask()
	if err != nil {
		return // who cannot be asked is not known
	}
	badness := map[string]int{"OK": 1, "DELAYED": 2, "CIRCUIT_OPEN": 3}
	for _, s := range sinks {
		m.Sinks = append(m.Sinks, sinkRow(s))
		if state := s.State; m.State == nil || badness[state] > badness[*m.State] {
			m.State = &state
		}
	}
}

// rate returns the calls per second, and the share of failed ones, of the last
// ten to twenty seconds: rollups have steps of ten.
func (s *Server) rate(ctx context.Context, now time.Time) (rate, failed float64, err error) {
	since := now.Add(-rateWindow).Truncate(rateWindow)
	var calls, errors int64
	_, err = s.repo.Cells(ctx, query.Filter{Since: since}, rateWindow, func(c *query.Cell) {
		calls += c.Calls
		errors += c.Errors
	})
	if err != nil || calls == 0 {
		return 0, 0, err
	}
	return float64(calls) / now.Sub(since).Seconds(), float64(errors) / float64(calls), nil
}

// size is that of a database with its log, 0 for what is no file.
func size(path string) (n int64) {
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			n += info.Size()
		}
	}
	return n
}

// lanesOf sums up what runs say of the lanes of their spools. Of bounds and
// levels the highest counts.
func lanesOf(stats []query.Stat) []laneRow {
	lanes := []laneRow{{Lane: "normal"}, {Lane: "error"}}
	for _, stat := range stats {
		for i := range lanes {
			l := &lanes[i]
			name, ok := strings.CutPrefix(stat.Name, "spool_"+l.Lane+"_")
			if !ok {
				continue
			}
			switch name {
			case "enqueued":
				l.Enqueued += stat.Value
			case "overflowed":
				l.Overflowed += stat.Value
			case "recovered":
				l.Recovered += stat.Value
			case "dropped":
				l.Dropped += stat.Value
			case "bytes":
				l.Bytes += stat.Value
			case "warnings":
				l.Warnings += stat.Value
			case "bound":
				l.Bound = max(l.Bound, stat.Value)
			case "used_max":
				l.UsedMax = max(l.UsedMax, stat.Value)
			}
		}
	}
	return lanes
}
