package review

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// Verbs that say when a task happens make a bare number a task: "must come
	// before 1", against "before 2 weeks are over".
	happens = `(?:comes?|coming|goes|go|runs?|lands?|happens?|starts?|begins?|finish(?:es|ed)?|done|completed?|merged|executed) (?:only |strictly |right |directly |immediately )?`
	// Strong cues may be followed by a bare number: "depends on 2".
	strongCue = happens + `after\b|depend(?:s|ent|ing)?[ _-]?(?:up)?on\b|dependenc(?:y|ies)[*_]*[ \t]*[:=]|deps?[*_]*[ \t]*[:=]|depends[*_]*[ \t]*[:=]|blocked[ _-]by\b|blocked on\b|prereq(?:uisite)?s?[*_]*[ \t]*(?:[:=]|\bis\b|\bare\b)|requires[*_]*[ \t]*[:=]|needs[*_]*[ \t]*[:=]|after[*_]*[ \t]*:|dependency on\b|dependencies on\b`
	// Weak ones need a label: "after task 2", but not "after 2 retries".
	weakCue = `wait(?:s|ing)? (?:for|on)\b|requires?\b|requiring\b|needs?\b|after\b|following\b|follows\b|once\b|until\b|builds? (?:up)?on\b`
	// Reversed cues make the named task wait for this one.
	strongReversedCue = `blocks[*_]*[ \t]*:|` + happens + `before\b`
	reversedCue       = `blocks\b[*_]*:?|required by\b|needed by\b|depended on by\b|prerequisite (?:for|of|to)\b|before\b|unblocks\b[*_]*:?`
	cue               = regexp.MustCompile(`(?i)(?:\b|_)(?:(` + strongReversedCue + `)|(` + reversedCue + `)|(` + strongCue + `)|(` + weakCue + `))`)
	beforeCue         = regexp.MustCompile(`(?i)\bbefore$`)

	nothing    = regexp.MustCompile(`^(?i)[ \t*_:=(\[` + "`" + `]*(?:none|nothing|n/a|no other|no task|—|–|-[ \t]*$|-\))`)
	everything = regexp.MustCompile(`^(?i)[ \t*_:=(]*(?:on )?(?:all|every|everything)\b[ \t]*(?:of the |the )?(?:(?:others?|else|previous|preceding|above|remaining|earlier)\b|(?:tasks?|steps?|items?)\b)`)
	previous   = regexp.MustCompile(`^(?i)[ \t*_:=(` + "`" + `]*(?:on )?(?:the |its )?(?:previous|preceding|prior) (?:task|step|one|item|phase)s?\b`)
	negation   = regexp.MustCompile(`(?i)\b(?:not|no|never|cannot|without|independent|instead of|nothing|neither|nor)\b|n't\b`)
	// subject is a task named right before a cue: "task 4 depends on".
	subject = regexp.MustCompile(`(?i)(?:^|[ \t*_(\[` + "`" + `])((?:(?:task|step|phase|milestone|stage|sprint|wave|item|ticket)s?[ \t]*#?[ \t]*)?[A-Z]{0,8}-?\d{1,4}(?:\.\d{1,3}){0,3})[\])*_` + "`" + `]*[ \t]*(?:\([^()]{0,60}\))?(?:[ \t:,–—]+(?:which|that|is|also|only|directly|then|must|should|can|cannot|will|run|start|begin|come|be done))*[ \t:]*$`)

	alone    = regexp.MustCompile(`(?i)\b(?:no|zero) (?:other )?(?:dependenc(?:y|ies)|prerequisites|deps)\b|\bindependent(?:ly)? (?:of|from)\b|\b(?:is|are|fully|completely) independent\b|\bdoes(?:n't| not) depend on\b`)
	parallel = regexp.MustCompile(`(?i)\[P\]|\bin parallel\b|\bparallel(?:izable|isable)\b|\bconcurrently\b|\b(?:parallel|parallelizable|can run in parallel)[*_]*[ \t]*:[*_ \t]*(?:yes|true)\b|\(parallel\)`)
	ordered  = regexp.MustCompile(`(?i)\bsequential(?:ly)?\b|\bin (?:this |the |strict |numerical |numeric |given |listed |that )*(?:exact )?(?:order|sequence)\b|\bone after (?:the other|another)\b|\bone (?:task |step )?at a time\b|\b(?:each|every) (?:task|step|one|phase) (?:depends|builds) (?:up)?on\b|\bbefore (?:starting|moving (?:on )?to|beginning) the next\b|\bstep by step\b|\btask-by-task\b`)
)

// relate reads who waits for whom out of all texts.
func (p *plan) relate() {
	p.index = indexOf(p.items)
	p.phased = p.form == formPhase || slices.ContainsFunc(p.items, func(it *item) bool { return it.phase })
	for i, it := range p.items {
		for _, b := range it.blocks {
			if !b.code {
				p.relateText(i, b)
			}
		}
	}
	for _, b := range p.outside {
		if b.code {
			continue
		}
		p.relateText(-1, b)
		for clause := range sentences(p.english(b.text)) {
			if ordered.MatchString(clause) && !negation.MatchString(clause) && !parallel.MatchString(clause) {
				p.sequential = true
			}
		}
	}
	for i, it := range p.items {
		delete(it.mentions, i)
		delete(it.needs, i)
	}
}

// relateText reads one block of an item's text, or of the text outside (-1).
func (p *plan) relateText(owner int, b block) {
	b.text = p.english(b.text)
	p.mention(owner, b.text)
	if owner >= 0 {
		it := p.items[owner]
		it.placed = it.placed || alone.MatchString(b.text)
		if parallel.MatchString(b.text) && !negated(b.text, parallel) {
			it.parallel = true
		}
	}
	for _, m := range cue.FindAllStringSubmatchIndex(b.text, -1) {
		reversed, strong := m[2] >= 0 || m[4] >= 0, m[2] >= 0 || m[6] >= 0
		after := ahead(b.text, m[1])
		if nothing.MatchString(after) {
			if owner >= 0 && strong {
				p.items[owner].placed = true
			}
			continue
		}
		refs, _ := readRefs(after, strong)
		last := !reversed && previous.MatchString(after)
		all := !reversed && owner >= 0 && everything.MatchString(after)
		if len(refs) == 0 && !last && !all {
			continue
		}
		before := clauseBefore(b.text[:m[0]])
		if negation.MatchString(before) {
			switch said := b.text[m[0]:m[1]]; {
			case strings.HasPrefix(strings.ToLower(said), "until"):
			case beforeCue.MatchString(said): // "cannot start before task 2"
				reversed = false
			default:
				continue
			}
		}
		about, stated := p.subjectOf(owner, before)
		if about < 0 {
			continue
		}
		if last {
			p.needPrevious(about)
			continue
		}
		if all {
			p.needEarlier(about)
			continue
		}
		if reversed && owner < 0 && !stated {
			continue
		}
		for _, r := range refs {
			if b.nested && r.kind() != formTask && r.kind() != formID {
				continue // a sibling among the parts of this task
			}
			p.connect(about, r, reversed)
		}
	}
}

// subjectOf is the item that a sentence is about: the one named just before the
// cue, else the one whose text it is. It is -1 if there is none.
func (p *plan) subjectOf(owner int, before string) (item int, stated bool) {
	m := subject.FindStringSubmatch(before)
	if m == nil {
		return owner, false
	}
	refs, _ := readRefs(m[1], false)
	if len(refs) == 0 {
		if owner >= 0 {
			return owner, false
		}
		return -1, false
	}
	found, _ := p.resolve(owner, refs[0])
	return found, true
}

func (p *plan) needPrevious(at int) {
	it := p.items[at]
	it.placed = true
	for i := at - 1; i >= 0; i-- {
		if p.items[i].parent == it.parent && p.items[i].phase == it.phase {
			it.needs[i] = true
			return
		}
	}
}

// needEarlier takes "after all others" for what stands before.
func (p *plan) needEarlier(at int) {
	it := p.items[at]
	it.placed = true
	for i, other := range p.items[:at] {
		if other.scope == it.scope && !p.within(at, i) {
			it.needs[i] = true
		}
	}
}

// connect makes item about wait for what r names, or the other way round.
func (p *plan) connect(about int, r ref, reversed bool) {
	found, known := p.resolve(about, r)
	switch {
	case found < 0:
		if !known && !reversed {
			p.missing = append(p.missing, missing{item: about, ref: r.String()})
		}
	case found == about:
		if !reversed {
			p.self = append(p.self, about)
		}
	case p.within(found, about) || p.within(about, found):
		// A part and its whole: no order between them.
	case reversed:
		p.items[found].needs[about] = true
		p.items[found].placed = true
	default:
		p.items[about].needs[found] = true
		p.items[about].placed = true
	}
}

// within says that inner is a part of outer.
func (p *plan) within(inner, outer int) bool {
	for at := p.items[inner].parent; at >= 0; at = p.items[at].parent {
		if at == outer {
			return true
		}
	}
	return false
}
