package review

import "strings"

// maxResolved bounds the references of one plan that are followed.
const maxResolved = 50_000

// index finds items by id.
type index struct {
	byID map[string][]int
	// prefixes are those of the ids: "T" of T3, "" of 3.
	prefixes map[string]bool
	// dotted: there are ids such as 1.2.
	dotted bool
	// resolved counts what has been looked up.
	resolved int
}

func indexOf(items []*item) index {
	ix := index{byID: map[string][]int{}, prefixes: map[string]bool{}}
	for i, it := range items {
		if it.id == "" {
			continue
		}
		id := normalID(it.id)
		ix.byID[id] = append(ix.byID[id], i)
		if !it.phase {
			ix.prefixes[prefixOf(id)] = true
			ix.dotted = ix.dotted || strings.Contains(id, ".")
		}
	}
	return ix
}

// normalID makes T001, T-1 and t1 one.
func normalID(id string) string {
	var b strings.Builder
	fresh := true // no digit of this number has been kept
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= '0' && c <= '9':
			last := i+1 == len(id) || id[i+1] < '0' || id[i+1] > '9'
			if c == '0' && fresh && !last {
				continue
			}
			fresh = false
		case c == '-':
			continue
		default:
			fresh = true
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// prefixOf is the letters before the number of a normal id.
func prefixOf(id string) string {
	return id[:len(id)-len(strings.TrimLeft(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
}

// resolve finds the item that r names, as seen from another (-1: from outside).
// It is -1 if there is none; known is then true if r may name something that is
// no task of this plan.
func (p *plan) resolve(from int, r ref) (found int, known bool) {
	if p.index.resolved++; p.index.resolved > maxResolved {
		return -1, true
	}
	id, kind := normalID(r.id), r.kind()
	matches := p.index.byID[id]
	if matches == nil && kind == formTask && (p.form == formID || p.form == formRow) && prefixOf(id) == "" {
		for _, prefix := range []string{"T", "TASK"} { // task 3 is T3
			matches = append(matches, p.index.byID[prefix+id]...)
		}
	}
	elsewhere, many := -1, false
	for _, i := range matches {
		it := p.items[i]
		if it.phase != (kind == formPhase && p.form != formPhase) || !p.means(kind) {
			continue
		}
		if it.phase || from >= 0 && it.scope == p.items[from].scope {
			return i, true
		}
		many = many || elsewhere >= 0
		elsewhere = i
	}
	switch {
	case many:
		return -1, true
	case elsewhere >= 0:
		return elsewhere, true
	default:
		return -1, !p.couldName(r, id)
	}
}

// means says that who speaks of this kind may mean the plan's tasks.
func (p *plan) means(kind form) bool {
	switch kind {
	case formStep: // of a task, if the plan's tasks are called tasks
		return p.form != formTask && p.form != formID
	default:
		return true
	}
}

// couldName says that r is written as the plan's own tasks are, so that a task
// of that name is missed if there is none.
func (p *plan) couldName(r ref, id string) bool {
	if r.word == "#" || !p.index.prefixes[prefixOf(id)] || strings.Contains(id, ".") && !p.index.dotted {
		return false // more likely an issue, or a version
	}
	switch kind := r.kind(); p.form {
	case formTask:
		return kind == formTask || kind == forms || kind == formID
	case formID:
		return kind == formID
	case formStep:
		return kind == formStep || kind == forms
	case formPhase:
		return kind == formPhase
	case formRow:
		return kind == formTask || kind == formID || kind == formStep || kind == forms
	case formHeading, formNumber:
		return kind == formTask || kind == formStep || kind == forms
	default:
		return false
	}
}
