package review

import (
	"regexp"
	"strconv"
	"strings"
)

// assembler gives lines to tasks.
type assembler struct {
	*plan
	current    int // the item that takes the next lines, -1: none
	line       line
	phase      int // the phase that takes the next items, -1: none
	level      int // of the heading of that phase
	scope      int
	last       int // the last plain number in this scope
	section    int // of the last item with a plain number, if started
	started    bool
	afterBlank bool
}

func (a *assembler) take(l line, candidates []candidate, s section) {
	defer func() { a.afterBlank = l.blank }()
	for _, c := range candidates {
		if c.form == formPhase && a.form != formPhase && s.admits(c) && (l.heading > 0 || !l.marked()) {
			a.startPhase(l, c, s)
			return
		}
	}
	for _, c := range candidates {
		if c.form == a.form && s.admits(c) {
			a.start(l, c, s)
			if l.row != nil {
				it := a.items[a.current]
				it.blocks = append(it.blocks, l.row.blocks()...)
			}
			return
		}
	}
	if l.heading > 0 && a.phase >= 0 && l.heading <= a.level {
		a.phase = -1
	}
	if a.current >= 0 && a.ends(l) {
		a.current = -1
	}
	if l.row != nil {
		if text, ok := l.row.statement(); ok {
			a.outside = append(a.outside, block{text: text})
		}
	}
	if a.current < 0 {
		a.outside = appendLine(a.outside, l)
		return
	}
	it := a.items[a.current]
	it.blocks = appendLine(it.blocks, l)
}

// field begins a line that belongs to the task above it, however it is indented.
var field = regexp.MustCompile(`^[*_]*(?i:depend|deps|blocked|requires|prereq|files?\b|create|modify|edit|tests?\b|verif|accept|parallel|estimat|descri|owner|goal|effort|size|output|done when)`)

// ends says that l is no longer part of the current item.
func (a *assembler) ends(l line) bool {
	switch {
	case a.line.row != nil:
		return l.row == nil
	case l.blank || l.code:
		return false
	case l.heading > 0:
		// A heading below that of a task is within it; a task in a list has none.
		return a.line.heading == 0 || l.heading <= a.line.heading
	case a.line.heading > 0 || !a.line.marked():
		return false
	case l.indent > a.line.indent:
		return false
	default:
		return a.afterBlank && !field.MatchString(l.text)
	}
}

func (a *assembler) startPhase(l line, c candidate, s section) {
	a.phase, a.level = len(a.items), l.heading
	if l.heading == 0 {
		a.level = 7
	}
	a.add(l, c, s)
	a.items[a.phase].phase, a.items[a.phase].parent = true, -1
}

func (a *assembler) start(l line, c candidate, s section) {
	if number, err := strconv.Atoi(c.id); err == nil && c.form != formID {
		if number <= 1 && a.last >= number && a.started && (a.section != s.index || a.form == formNumber || a.form == formHeading) {
			a.scope++
		}
		a.last, a.section, a.started = number, s.index, true
	}
	for i, other := range a.items {
		if other.phase || c.id == "" || normalID(other.id) != normalID(c.id) || other.scope != a.scope {
			continue
		}
		switch {
		case sameTitle(other.title, c.title) || other.section != s.index && c.form == formID:
			// First in an overview, then at length.
			if other.title == "" {
				other.title = c.title
			}
			other.blocks = append(other.blocks, block{text: c.title})
			a.current, a.line = i, l
			return
		case other.section == s.index && other.parent == a.phase:
			a.duplicates = append(a.duplicates, duplicate{item: len(a.items), first: i})
		default:
			a.scope++
		}
		break
	}
	a.add(l, c, s)
}

func (a *assembler) add(l line, c candidate, s section) {
	a.current, a.line = len(a.items), l
	it := &item{word: c.word, id: c.id, title: c.title, section: s.index, scope: a.scope, parent: a.phase}
	it.blocks = []block{{text: c.title}}
	it.edges = newEdges()
	a.items = append(a.items, it)
}

// nest puts 1.2 below 1 and marks what has children.
func (a *assembler) nest() {
	for i, it := range a.items {
		if dot := strings.LastIndexByte(it.id, '.'); dot > 0 && !it.phase {
			for j, other := range a.items {
				if other.id == it.id[:dot] && other.scope == it.scope && j != i && !other.phase {
					it.parent = j
					break
				}
			}
		}
		if it.parent >= 0 {
			a.items[it.parent].group = true
		}
	}
}

// appendLine adds a line: it goes on with the paragraph before, or begins a block.
func appendLine(blocks []block, l line) []block {
	switch {
	case l.blank || l.text == "":
		return append(blocks, block{})
	case l.code:
		return append(blocks, block{text: l.text, code: true})
	}
	const longest = 2 << 10 // so that adding line by line stays cheap
	if n := len(blocks); n > 0 && !l.marked() && blocks[n-1].text != "" && len(blocks[n-1].text) < longest &&
		!blocks[n-1].code && !field.MatchString(l.text) {
		blocks[n-1].text += " " + l.text
		return blocks
	}
	return append(blocks, block{text: l.text, nested: l.number != ""})
}

// sameTitle says that two titles are likely to be of one task.
func sameTitle(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	x, y := gistOf(a), gistOf(b)
	shared := overlap(x.words, y.words) + overlap(x.names, y.names)
	return 2*shared >= min(len(x.words)+len(x.names), len(y.words)+len(y.names)) && shared > 0
}
