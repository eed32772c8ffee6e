package sqlite

import "github.com/monitorgen/monitorgen/sink/spool"

// places say of each call of a batch which function it is of, by a small number: what
// is summed up by function is found in a list, and the map of functions is asked once.
type places struct {
	of    []int32 // by call
	ids   []int64 // by place: the function's id in the database
	known map[*spool.Function]int32
	byID  map[int64]int32 // runs of one build have functions of their own, of the same ids
}

// fill finds the places of calls. ids has the functions of all.
func (p *places) fill(calls []spool.Call, ids map[*spool.Function]int64) {
	if p.known == nil {
		p.known, p.byID = map[*spool.Function]int32{}, map[int64]int32{}
	}
	clear(p.known)
	clear(p.byID)
	p.of, p.ids = p.of[:0], p.ids[:0]
	var last *spool.Function
	var place int32
	for i := range calls {
		if f := calls[i].Function; f != last {
			var ok bool
			if place, ok = p.known[f]; !ok {
				place = p.placeOf(ids[f])
				p.known[f] = place
			}
			last = f
		}
		p.of = append(p.of, place)
	}
}

// placeOf returns the place of an id, a new one if it has none.
func (p *places) placeOf(id int64) int32 {
	place, ok := p.byID[id]
	if !ok {
		place = int32(len(p.ids))
		p.byID[id] = place
		p.ids = append(p.ids, id)
	}
	return place
}

// id returns the database's id of the function of a call.
func (p *places) id(call int) int64 { return p.ids[p.of[call]] }
