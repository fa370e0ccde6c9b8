package review

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The keys of a task, by what they mean; the first of each is the product's own.
var (
	idKeys    = []string{"task_id", "id", "key"}
	textKeys  = []string{"prompt", "title", "name", "description", "summary", "details"}
	needsKeys = []string{"depends_on", "dependsOn", "depends-on", "dependencies", "deps", "needs", "after", "blocked_by", "blockedBy"}
	codeKeys  = []string{"verify_commands"}
	// limitKeys say what a worker may do, and with what, not what it is to do.
	limitKeys = []string{"allowed_paths", "allowed_commands", "timeout_sec", "image", "model", "attempts"}
)

// planOf makes a plan of decoded tasks, nil if there are not two. Their order is
// what depends_on says and nothing else: that is how they would be run.
func planOf(value any) *plan {
	object, _ := value.(map[string]any)
	list, _ := object["tasks"].([]any)
	if len(list) < 2 || len(list) > maxItems {
		return nil
	}
	p := &plan{form: formRequest}
	length, runs, told := 0, true, false
	for _, value := range list {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		it := requested(fields)
		for _, b := range it.blocks {
			length += len(b.text)
		}
		if len(it.blocks) == 0 || length > MaxPlanBytes {
			return nil // values behind aliases may be long together
		}
		_, isRun := fields["prompt"]
		runs, told = runs && isRun, told || it.placed
		p.items = append(p.items, it)
	}
	if !runs && !told {
		return nil // a list of something else
	}
	for _, it := range p.items {
		it.placed = true
		it.parallel = runs // starts as soon as it can: needs no suggestion
	}
	p.waits()
	return p
}

// requested is one task of the list.
func requested(fields map[string]any) *item {
	it := &item{parent: -1, edges: newEdges()}
	for _, key := range idKeys {
		if it.id = scalar(fields[key]); it.id != "" {
			break
		}
	}
	for _, key := range textKeys {
		for _, l := range readLines(scalar(fields[key])) {
			it.blocks = appendLine(it.blocks, l)
			if it.title == "" && !l.blank && !l.code {
				it.title = plain(l.text)
			}
		}
		it.blocks = append(it.blocks, block{})
	}
	for _, key := range needsKeys {
		if value, ok := fields[key]; ok {
			it.waits, it.placed = append(it.waits, scalars(value)...), true
		}
	}
	for _, key := range codeKeys {
		for _, command := range scalars(fields[key]) {
			it.blocks = append(it.blocks, block{text: command, code: true})
		}
	}
	known := slices.Concat(idKeys, textKeys, needsKeys, codeKeys, limitKeys)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if values := scalars(fields[key]); len(values) > 0 && !slices.Contains(known, key) {
			it.blocks = append(it.blocks, block{text: oneLine(key, 40) + ": " + strings.Join(values, ", ")})
		}
	}
	it.blocks = slices.DeleteFunc(it.blocks, func(b block) bool { return b.text == "" && !b.code })
	return it
}

// scalar is a string or number as text; empty for all else.
func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(strings.ToValidUTF8(v, ""))
	case float64: // of JSON
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// scalars are those of a list, or a single one.
func scalars(value any) []string {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []string
	for _, v := range list {
		if s := scalar(v); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// waits connects items whose needs are given as ids, to be taken as they are.
func (p *plan) waits() {
	byID := map[string]int{}
	for i, it := range p.items {
		if first, twice := byID[it.id]; twice && it.id != "" {
			p.duplicates = append(p.duplicates, duplicate{item: i, first: first})
			continue
		}
		byID[it.id] = i
	}
	for i, it := range p.items {
		for _, id := range it.waits {
			switch found, ok := byID[id]; {
			case !ok:
				p.missing = append(p.missing, missing{item: i, ref: quotedID(id)})
			case found == i:
				p.self = append(p.self, i)
			default:
				it.needs[found] = true
			}
		}
	}
}

// quotedID is an id that the author chose freely.
func quotedID(id string) string {
	return fmt.Sprintf("%q", strings.ReplaceAll(oneLine(id, 64), `"`, "'"))
}
