package review

import "regexp"

var (
	// besideThese stands right before tasks that another runs at the same time as.
	besideThese = regexp.MustCompile(`(?i)\b(?:(?:in parallel|concurrently|simultaneously|parallel|together|side by side)[ \t]+(?:with|to)|at the same time[ \t]+(?:as|with)|while|alongside(?:[ \t]+(?:of|with))?|parallel(?:[ \t]+with)?[*_]*[ \t]*:)[*_ \t]*(?:(?:both|all|of|the)[ \t]+)*[*_(\[` + "`" + `]*$`)
	// apartFrom stands before tasks that another has nothing to do with.
	apartFrom = regexp.MustCompile(`(?i)\b(?:independent(?:ly)?[ \t]+(?:of|from)|not[ \t]+depend(?:ent|ing)?[ \t]+(?:up)?on|n't[ \t]+depend[ \t]+(?:up)?on|no[ \t]+dependency[ \t]+on|without[ \t]+waiting[ \t]+for)[ \t]+(?:(?:both|all|of|the)[ \t]+)*[*_(\[` + "`" + `]*$`)
	// theseBeside follows a list of tasks that run at the same time.
	theseBeside = regexp.MustCompile(`(?i)^[*_)\]` + "`" + ` \t]*(?:\([^()]{0,80}\)[ \t]*)?(?:(?:both|all|each|also|can|may|could|should|must|will|to|then|safely|be|is|are|run|runs|running|start|starts|go|happen|proceed|done|executed|worked on|developed|implemented|launched|not|never|cannot|can't|don't|do)[ \t]+)*(?:in parallel|concurrently|simultaneously|at the same time|at once|side by side|parallel(?:izable|isable)?\b|\[P\])`)
	// whileThese needs a word after the tasks: "while task 2 is running".
	whileThese = regexp.MustCompile(`(?i)\bwhile[*_ \t]+[^\n]*$`)
	goesOn     = regexp.MustCompile(`(?i)^[*_)\] \t]*(?:is|are)[ \t]+(?:still[ \t]+)?(?:running|in progress|being|under ?way|ongoing)\b`)
)

// mention notes every task that a text names: whoever speaks of another task
// knows more about their order than we do, unless it says that there is none.
// The owner is -1 for text outside of the tasks.
func (p *plan) mention(owner int, text string) {
	p.bareBeside(owner, text)
	for from := 0; from < len(text) && p.index.resolved < maxResolved; {
		m := labelledRef.FindStringIndex(text[from:])
		if m == nil {
			return
		}
		at := from + m[0]
		window := ahead(text, at)
		refs, rest := readRefs(window, false)
		from = max(from+m[1], at+len(window)-len(rest))
		var found []int
		for _, r := range refs {
			if i, _ := p.resolve(owner, r); i >= 0 {
				found = append(found, i)
			}
		}
		switch before := clauseBefore(text[:at]); {
		case len(found) == 0:
		case with(before, rest) && !negation.MatchString(before), apartFrom.MatchString(before):
			if owner >= 0 {
				for _, i := range found {
					p.beside(owner, i)
				}
			} else if about, _ := p.subjectOf(owner, apartFrom.ReplaceAllString(besideThese.ReplaceAllString(before, ""), "")); about >= 0 {
				for _, i := range found {
					p.beside(about, i)
				}
			}
		case theseBeside.MatchString(rest) && !negation.MatchString(before) && !negation.MatchString(theseBeside.FindString(rest)):
			if owner >= 0 && len(found) == 1 {
				found = append(found, owner)
			}
			for n, i := range found {
				for _, j := range found[:n] {
					p.beside(i, j)
				}
			}
		case owner >= 0:
			for _, i := range found {
				p.items[owner].mentions[i] = true
			}
		}
	}
}

var bareCue = regexp.MustCompile(`(?i)\b(?:(?:in parallel|concurrently|simultaneously) with|at the same time as|independent(?:ly)? (?:of|from))[ \t]+\d`)

// bareBeside reads "in parallel with 2", where the number has no label.
func (p *plan) bareBeside(owner int, text string) {
	if owner < 0 {
		return
	}
	for _, m := range bareCue.FindAllStringIndex(text, -1) {
		if negation.MatchString(clauseBefore(text[:m[0]])) {
			continue
		}
		refs, _ := readRefs(ahead(text, m[1]-1), true)
		for _, r := range refs {
			if i, _ := p.resolve(owner, r); i >= 0 {
				p.beside(owner, i)
			}
		}
	}
}

// with says that the tasks between before and rest run beside another.
func with(before, rest string) bool {
	if whileThese.MatchString(before) && !goesOn.MatchString(rest) {
		return false
	}
	return besideThese.MatchString(before)
}

func (p *plan) beside(i, j int) {
	if i != j {
		p.items[i].beside[j], p.items[j].beside[i] = true, true
	}
}
