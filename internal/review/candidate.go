package review

import (
	"regexp"
	"strings"
)

// form is a way to write tasks. A plan's tasks are those of the first form that
// it uses at least twice; whatever else has a number is a part of a task.
type form int

const (
	formTask    form = iota // Task 3: ...
	formID                  // T3 ..., AUTH-12: ...
	formStep                // Step 3: ...
	formHeading             // ### 3. ...
	formRow                 // | 3 | ... |
	formNumber              // 3. ...
	formBox                 // - [ ] ...
	formPhase               // Phase 3: ...; the frame of tasks if there are any
	formBullet              // - ... below a heading that says "tasks"
	forms
	formRequest // tasks: of YAML or JSON, which is no matter of lines
)

// candidate is a line that would be a task if its form were the plan's.
type candidate struct {
	form form
	// word is how the author calls it: "Task", "Step"; empty if not at all.
	word string
	// id is "3", "1.2" or "T3"; empty for boxes and bullets.
	id    string
	title string
	// sure: it is a task whatever the section is called.
	sure bool
}

// prefix is "AUTH" of AUTH-3.
func (c candidate) prefix() string { return prefixOf(normalID(c.id)) }

var (
	labelStart = regexp.MustCompile(`^[^\pL\pN]{0,6}(?i:(tasks?|sub-?task|ticket|story|work (?:item|package)|step|phase|milestone|stage|sprint|wave))[ \t]*#?[ \t]*(\d{1,3}(?:\.\d{1,3}){0,4}[a-z]?|[A-Z]{1,4}-?\d{1,4}|[A-Z])([^\pL\pN].*)?$`)
	// koLabel is one in Korean: "작업 3: …", "3번 작업: …", "3단계: …".
	koLabel = regexp.MustCompile(`^[^\pL\pN]{0,6}(?:(작업|태스크|과제|티켓|스텝|단계|페이즈|마일스톤|스프린트)[ \t]*#?[ \t]*(\d{1,3}(?:\.\d{1,3}){0,4})번?|(\d{1,3})(?:번[ \t]*(작업|태스크|과제)|(단계)))([^\pL\pN].*)?$`)
	idStart = regexp.MustCompile(`^[^\pL\pN]{0,4}([A-Z]{1,8}-?\d{1,4}(?:\.\d{1,3}){0,2}[a-z]?)([^\pL\pN].*)?$`)
	// afterLabel is what may stand between a label and its title.
	afterLabel = regexp.MustCompile("^[\\]*_`]*((?:[ \t]*(?:\\([^()]*\\)|\\[[^\\[\\]]*\\]))*)[*_`]*[ \t]*(?:[:.)][*_`]*(?:[ \t]+|$)|[-–—]+[ \t]+|$)[*_`]*(.*)$")
	bareLabel  = regexp.MustCompile("^[\\]*_`]*[ \t]+(\\S.*)$")
	// statement begins what is said about a task, not the task.
	statement = regexp.MustCompile(`^(?i:[→&+/,]|->|(?:depends|blocks|blocked|requires|needs|is|are|and|or|can|could|may|might|must|should|will|has|have|before|after|then|in parallel|to|through|runs?|comes|waits)\b)`)
)

// notTasks are prefixes of ids that number something else: requirements,
// questions, priorities, criteria.
const notTasks = " A AC AES C CVE D ES FR G H HTTP ISO KPI NFR NG O OKR OQ P Q R REQ RFC RISK SC SHA SLO TLS UC US UTF V "

// candidates are what l could be, one for each form at most.
func candidates(l line) []candidate {
	if l.blank || l.code || l.text == "" {
		return nil
	}
	if r := l.row; r != nil {
		return r.candidates()
	}
	var all []candidate
	if m := koLabel.FindStringSubmatch(l.text); m != nil {
		if title, ok := titleAfter(m[6], l.heading > 0); ok {
			c := candidate{form: formTask, word: "Task", id: m[2] + m[3], title: title}
			switch m[1] + m[4] + m[5] {
			case "스텝":
				c.form, c.word = formStep, "Step"
			case "단계", "페이즈", "마일스톤", "스프린트":
				c.form, c.word = formPhase, "Phase"
			}
			all = append(all, c)
		}
	} else if m := labelStart.FindStringSubmatch(l.text); m != nil {
		if title, ok := titleAfter(m[3], l.heading > 0); ok {
			c := candidate{form: formTask, word: capitalised(m[1]), id: m[2], title: title}
			switch strings.ToLower(m[1]) {
			case "step":
				c.form = formStep
			case "phase", "milestone", "stage", "sprint", "wave":
				c.form = formPhase
			}
			all = append(all, c)
		}
	} else if m := idStart.FindStringSubmatch(l.text); m != nil {
		title, ok := titleAfter(m[2], l.marked())
		c := candidate{form: formID, id: m[1], title: title}
		if ok && !strings.Contains(notTasks, " "+c.prefix()+" ") {
			all = append(all, c)
		}
	}
	title := plain(l.text)
	switch {
	case l.heading > 0 && l.number != "":
		all = append(all, candidate{form: formHeading, id: l.number, title: title})
	case l.number != "" && (l.indent < 2 || strings.Contains(l.number, ".")):
		all = append(all, candidate{form: formNumber, id: l.number, title: title})
	case l.box && l.indent < 2:
		all = append(all, candidate{form: formBox, title: title})
	case l.bullet && l.indent < 2:
		all = append(all, candidate{form: formBullet, title: title})
	}
	return all
}

// titleAfter is the title that follows a label; false if what follows is no
// title but the rest of a sentence that the label begins.
func titleAfter(rest string, loose bool) (string, bool) {
	if m := afterLabel.FindStringSubmatch(rest); m != nil {
		return plain(strings.TrimSpace(m[2] + " " + m[1])), true
	}
	m := bareLabel.FindStringSubmatch(rest)
	if m == nil || !loose {
		return "", false
	}
	title := plain(m[1])
	return title, !statement.MatchString(title)
}

// plain is text without the marks of emphasis.
func plain(text string) string {
	return strings.Trim(strings.NewReplacer("**", "", "__", "", "~~", "").Replace(text), " \t:")
}

func capitalised(word string) string {
	word = strings.TrimSuffix(strings.ToLower(word), "s")
	return strings.ToUpper(word[:1]) + word[1:]
}
