package dashboard

import (
	"container/list"
	"sync"
)

// recent keeps the values that were asked for last, by key. A value is made empty
// when it is first asked for; who fills it brings a lock of its own.
type recent[K comparable, V any] struct {
	most    int // values that are kept
	mu      sync.Mutex
	byKey   map[K]*list.Element // of *keyed[K, V]
	recency *list.List          // the latest in front
}

type keyed[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, byKey: map[K]*list.Element{}, recency: list.New()}
}

// known returns the value of a key that was asked for before, nil for another.
func (r *recent[K, V]) known(key K) *V {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.byKey[key]; e != nil {
		return &e.Value.(*keyed[K, V]).value
	}
	return nil
}

func (r *recent[K, V]) entry(key K) *V {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.byKey[key]; e != nil {
		r.recency.MoveToFront(e)
		return &e.Value.(*keyed[K, V]).value
	}
	e := r.recency.PushFront(&keyed[K, V]{key: key})
	r.byKey[key] = e
	for r.recency.Len() > r.most {
		oldest := r.recency.Back()
		r.recency.Remove(oldest)
		delete(r.byKey, oldest.Value.(*keyed[K, V]).key)
	}
	return &e.Value.(*keyed[K, V]).value
}
