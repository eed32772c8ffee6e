package remote

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// path compares a part of an argument or a result. Where it is in the data
// depends on the function.
func (c *compiler) path(t filter.Term, v filter.Value) (string, []any) {
	at := map[int][]int64{} // functions by the place of the value
	for id, fn := range c.functions {
		if i := query.Place(fn.Data, t.Path[0], t.Field == filter.Result); i >= 0 {
			at[i] = append(at[i], id)
		}
	}
	var parts []string
	var args []any
	for _, i := range slices.Sorted(maps.Keys(at)) {
		slices.Sort(at[i])
		text, number := c.db.engine.Value(i, t.Path[1:])
		compare, more := compareValue(text, number, t.Op, v)
		parts = append(parts, "("+in("c.function_id", at[i])+" AND "+compare+")")
		args = append(args, more...)
	}
	return "(" + strings.Join(append(parts, "false"), " OR ") + ")", args
}

// compareValue compares a part of the data, which is there as text and, if it is
// one, as a number.
func compareValue(text, number string, op filter.Op, v filter.Value) (string, []any) {
	switch {
	case op == filter.Contains || op == filter.Is && strings.Contains(v.Text, "*"):
		return text + " ILIKE ?", []any{filter.Like(v.Text)}
	case op == filter.Is, op == filter.NotEqual:
		op = filter.Equal
	}
	asText := text + " " + string(op) + " ?"
	if v.IsNumber {
		// As it was written, where that is a number to SQL: a float would not hold all of it.
		n := v.Text
		if _, err := strconv.ParseInt(n, 10, 64); err != nil {
			n = strconv.FormatFloat(v.Number, 'g', -1, 64)
		}
		return "CASE WHEN " + number + " IS NOT NULL THEN " + number + " " + string(op) + " " + n + " ELSE " + asText + " END", []any{v.Text}
	}
	if op == filter.Equal {
		switch strings.ToLower(v.Text) {
		case "true":
			return number + " = 1", nil
		case "false":
			return number + " = 0", nil
		case "nil", "null":
			return "coalesce(" + text + ", 'nil') = 'nil'", nil
		}
	}
	return asText, []any{v.Text}
}
