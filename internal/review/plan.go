package review

import "slices"

// plan is what a text says about its tasks.
type plan struct {
	form  form
	items []*item
	// outside is the text that belongs to no task.
	outside []block
	// duplicates are items that have the id of an earlier one beside them.
	duplicates []duplicate
	// missing are references that lead nowhere, self those from a task to itself.
	missing []missing
	self    []int
	index   index
	// sequential: the plan says that its tasks are done one after another.
	sequential bool
	// phased: some items are phases.
	phased bool
	// translated counts the bytes that were put into English.
	translated int
}

// item is one task, or a phase that holds tasks.
type item struct {
	word, id, title string
	section         int // of the plan; ids are compared within one
	scope           int // a list of its own, numbered from 1
	parent          int // -1: none
	phase           bool
	group           bool // has children
	blocks          []block
	edges
}

// edges are an item's relations to others, by index.
type edges struct {
	needs    map[int]bool
	mentions map[int]bool
	// placed: the author says what it waits for, if only "nothing".
	placed bool
	// parallel: the author says that it can run beside others.
	parallel bool
	// beside are items that the author says it runs at the same time as.
	beside map[int]bool
	// waits are ids of what it waits for, where they are no matter of reading.
	waits []string
}

func newEdges() edges {
	return edges{needs: map[int]bool{}, mentions: map[int]bool{}, beside: map[int]bool{}}
}

// block is a paragraph, an item of a list or a line of code.
type block struct {
	text string
	code bool
	// nested: it is a numbered part of a task, where "step 2" means a sibling.
	nested bool
}

type duplicate struct{ item, first int }

type missing struct {
	item int
	ref  string // as in "task 9"
}

// maxItems bounds what the checks of pairs cost; no plan for people is longer.
const maxItems = 500

// readPlan finds the tasks of a text. A text without any, or with more than
// maxItems, has none.
func readPlan(text string) *plan {
	if len(text) > MaxPlanBytes {
		return &plan{}
	}
	if p := readStructured(text); p != nil {
		return p
	}
	lines := readLines(text)
	all := make([][]candidate, len(lines))
	for i, l := range lines {
		all[i] = candidates(l)
	}
	dropLazyNumbers(all)
	dropLoneIDs(all)
	sections := readSections(lines, all)
	p := &plan{form: chooseForm(lines, all, sections)}
	if p.form == forms {
		for _, l := range lines {
			p.outside = appendLine(p.outside, l)
		}
		return p
	}
	a := assembler{plan: p, current: -1, phase: -1}
	for i, l := range lines {
		if a.take(l, all[i], sections[i]); len(p.items) > maxItems {
			return &plan{form: forms}
		}
	}
	a.nest()
	p.relate()
	return p
}

// dropLazyNumbers takes the ids from lists in which every item is "1.": Markdown
// counts them, and nobody refers to them by number.
func dropLazyNumbers(all [][]candidate) {
	var ones []*candidate
	for _, candidates := range all {
		for i := range candidates {
			if candidates[i].form != formNumber {
				continue
			}
			if candidates[i].id != "1" {
				return
			}
			ones = append(ones, &candidates[i])
		}
	}
	if len(ones) > 1 {
		for _, c := range ones {
			c.id = ""
		}
	}
}

// dropLoneIDs takes what looks like an id and is alone with its prefix, such as
// SHA256, for the word that it is.
func dropLoneIDs(all [][]candidate) {
	ids := map[string]map[string]bool{}
	for _, candidates := range all {
		for _, c := range candidates {
			if c.form == formID {
				if ids[c.prefix()] == nil {
					ids[c.prefix()] = map[string]bool{}
				}
				ids[c.prefix()][normalID(c.id)] = true
			}
		}
	}
	for i := range all {
		all[i] = slices.DeleteFunc(all[i], func(c candidate) bool {
			return c.form == formID && len(ids[c.prefix()]) < 2
		})
	}
}

// chooseForm is the first form that the plan uses twice, or forms.
func chooseForm(lines []line, all [][]candidate, sections []section) form {
	var ids [forms]map[string]bool
	var chapter bool
	for i, candidates := range all {
		for _, c := range candidates {
			if !sections[i].admits(c) {
				continue
			}
			if ids[c.form] == nil {
				ids[c.form] = map[string]bool{}
			}
			ids[c.form][c.id+" "+c.title] = true
			// Numbered headings may as well be the chapters of a document.
			chapter = chapter || c.form == formHeading && lines[i].heading > 0 && chapters.MatchString(c.title)
		}
	}
	for f := range forms {
		if len(ids[f]) >= 2 && (f != formHeading || !chapter) {
			return f
		}
	}
	return forms
}
