package rewrite

import (
	"fmt"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// layerWords are the folders and types of the layers that most services have.
var layerWords = map[string]string{
	"api":     "api handler http rest rpc grpc graphql web controller server router route middleware transport endpoint",
	"domain":  "domain service usecase core business logic model entity app application",
	"storage": "storage store repository repo db database dao persistence sql postgres mysql sqlite cache redis",
	"client":  "client gateway adapter integration provider",
	"command": "cmd command cli",
}

// meaningWords are the words that functions are called by. Those with a $ count
// at the end of a name alone.
var meaningWords = map[string]string{
	"reads":    "get list find load read fetch query search lookup look scan select count exists has peek show describe iterate walk collect",
	"writes":   "set put save write store insert update upsert delete remove create add append push publish send emit commit flush drop clear reset move rename mark register apply submit cancel record",
	"computes": "compute calc calculate sum price score rank parse format encode decode marshal unmarshal hash sort merge split join filter map reduce convert transform validate check verify is can equal compare match render build make resolve normalize estimate evaluate",
	"serves":   "serve handle listen accept dispatch route on handler$ middleware$ endpoint$",
}

// meanings turns tables of words into the layer or meaning of each.
func meanings(tables ...map[string]string) map[string]string {
	found := make(map[string]string)
	for _, table := range tables {
		for name, list := range table {
			for _, word := range strings.Fields(list) {
				found[word] = name
			}
		}
	}
	return found
}

// The keys of a rule: those of all, and what a strategy has of its own.
var (
	ruleKeys     = []string{"group", "priority", "strategy"}
	strategyKeys = map[string][]string{
		"depth":   {"depth", "skip"},
		"pattern": {"match"},
		"layer":   {"layers"},
		"meaning": {"words"},
	}
)

// readRule reads one [[group]].
func (r *configReader) readRule(i int, table map[string]any) {
	at := func(key string) token.Position { return r.at("group", fmt.Sprint(i), key) }
	rule := &groupRule{pos: r.at("group", fmt.Sprint(i))}
	strategies := slices.Sorted(maps.Keys(strategyKeys))
	name, isText := table["strategy"].(string)
	own, known := strategyKeys[name]
	switch {
	case table["strategy"] == nil:
		r.report.addAt(rule.pos, "a rule without a strategy: add strategy = one of %s", strings.Join(strategies, ", "))
		return
	case !isText || !known:
		r.report.addAt(at("strategy"), "unknown strategy %q%s", fmt.Sprint(table["strategy"]), DidYouMean(name, strategies))
		return
	}
	rule.strategy = name
	before := len(r.report.list)
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(ruleKeys, key) && !slices.Contains(own, key) {
			r.report.addAt(at(key), "strategy %s has no key %q%s", name, key, DidYouMean(key, append(slices.Clone(own), ruleKeys...)))
			continue
		}
		if want := rule.set(key, table[key]); want != "" {
			r.report.addAt(at(key), "bad value for %s: want %s", key, want)
		}
	}
	if len(r.report.list) > before {
		return
	}
	if missing := rule.finish(); missing != "" {
		r.report.addAt(rule.pos, "strategy %s needs %s", name, missing)
		return
	}
	r.rules = append(r.rules, rule)
}

// set takes one value of a rule and returns what would be a good one, or "".
func (r *groupRule) set(key string, v any) (want string) {
	switch key {
	case "group":
		text, ok := v.(string)
		if r.group = text; !ok || text == "" {
			return "a name, $1 in it for what the rule found"
		}
	case "priority":
		n, ok := v.(int64)
		if r.priority = int(n); !ok || n < -1000 || n > 1000 {
			return "a whole number from -1000 to 1000"
		}
	case "depth":
		n, ok := v.(int64)
		if r.depth = int(n); !ok || n < 1 || n > 32 {
			return "the number of folders, from 1 to 32"
		}
	case "skip":
		var ok bool
		if r.skip, ok = textList(v); !ok {
			return `names of folders such as ["internal", "pkg"]`
		}
	case "match":
		text, ok := v.(string)
		if !ok || text == "" {
			return "a regular expression for full names, import/path.(*Type).Method"
		}
		var err error
		if r.match, err = regexp.Compile(text); err != nil {
			return fmt.Sprintf("a regular expression: %v", err)
		}
	case "layers", "words":
		return r.setWords(key, v)
	}
	return ""
}

// setWords reads a table of words. Layers replace the known ones, meanings add
// to them, or take words from one another.
func (r *groupRule) setWords(key string, v any) (want string) {
	table, ok := v.(map[string]any)
	if !ok {
		return `a table such as { storage = ["store", "repository"] }`
	}
	r.layers = make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		list, ok := textList(table[name])
		if !ok {
			return fmt.Sprintf("a list of words for %s", name)
		}
		if _, known := meaningWords[name]; key == "words" && !known {
			return fmt.Sprintf("meanings, and %q is none%s", name, DidYouMean(name, slices.Sorted(maps.Keys(meaningWords))))
		}
		for _, word := range list {
			word = strings.ToLower(word)
			if key == "layers" {
				word = singular(word)
			}
			if other := r.layers[word]; other != "" && other != name {
				return fmt.Sprintf("each word once: %q stands for %s and for %s", word, other, name)
			}
			r.layers[word] = name
		}
	}
	return ""
}

// finish completes a rule and returns what it lacks, or "".
func (r *groupRule) finish() (missing string) {
	switch r.strategy {
	case "depth":
		r.answer = r.byDepth
		if r.depth == 0 {
			return "depth = the number of folders that count"
		}
	case "pattern":
		switch {
		case r.match == nil:
			return "match = a regular expression for full names"
		case r.group == "":
			return "group = the name of the group, $1 in it for what the first parentheses match"
		}
	case "layer":
		r.answer = r.byLayer
		if r.layers == nil {
			r.layers = make(map[string]string)
			for word, layer := range meanings(layerWords) {
				r.layers[singular(word)] = layer
			}
		}
	case "meaning":
		r.answer = r.byMeaning
		all := meanings(meaningWords)
		for word, meaning := range r.layers {
			all[word] = meaning
		}
		r.layers = all
	}
	return ""
}
