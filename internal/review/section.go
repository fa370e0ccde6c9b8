package review

import (
	"regexp"
	"strings"
)

// section says what the headings above a line make of the lists below them.
type section struct {
	index int
	level int
	// other: its lists are requirements, notes, questions, not tasks.
	other bool
	// aside: it talks about tasks that stand elsewhere.
	aside bool
	// tasks: the heading says that the list below it is the plan.
	tasks bool
}

var (
	otherTitle = regexp.MustCompile(`(?i)\b(background|context|overview|introduction|summary|(?:non-?)?goals?|objectives?|requirements?|assumptions?|constraints?|questions?|answers?|risks?|references?|resources|scope|acceptance|criteria|success|notes?|remarks?|glossary|rationale|motivation|architecture|design|decisions?|alternatives?|options|definition of done|done when|rollback|appendix|faq|examples?|stor(?:y|ies)|principles|verif\w*|testing|tests?|test plan|findings|problems?|issues?|bugs?|symptoms?|reproduc\w+|current|why|metrics|kpis?|features|changes so far|out of|don'?ts?|rules|conventions|guidelines|checklist|outcomes?|deliverables|benefits|stack|files?|estimates?|timeline|prerequisites?)\b|배경|개요|목표|요구 ?사항|가정|제약|질문|위험|리스크|참고|범위|(?:수용|인수|완료|성공) ?(?:기준|조건)|비고|메모|요약|테스트|검증|설계|결정|현황|문제`)
	asideTitle = regexp.MustCompile(`(?i)\b(dependenc(?:y|ies)|dependency graph|graph|order|ordering|sequenc\w+|parallel\w*|critical path|summary|overview of|legend|formats?|conventions|examples?|risks?|notes?|references?|mvp|strategy|questions?|history|changelog|done so far|completed)\b|의존|순서|병렬|요약|범례|예시|비고|메모|참고|위험|전략`)
	tasksTitle = regexp.MustCompile(`(?i)\b(tasks?|to-?dos?|steps?|plan|work items?|action items?|actions|implementation|work ?breakdown|milestones?|phases?)\b|작업|할 ?일|태스크|구현|계획|단계`)
	chapters   = regexp.MustCompile(`(?i)^(?:the )?(?:overview|introduction|background|context|summary|goals?|non-goals?|objectives?|requirements|assumptions|constraints|open questions|questions|risks?\b.*|references|scope|acceptance criteria|architecture|design|technical design|decisions|alternatives|problem\b.*|motivation|tasks?|task list|plan|implementation(?: plan| steps| tasks)?|steps|testing(?: strategy| plan)?|test plan|verification|rollout\b.*|timeline|appendix|current state|proposed\b.*|solution|approach|success\b.*|dependencies|conclusion|next steps)$`)
	// notTasksTitle overrules tasksTitle: a test plan lists no tasks.
	notTasksTitle = regexp.MustCompile(`(?i)\b(?:test|testing|rollback|verification|non-?goals?|reproduc\w+)\b|\bout of\b|\b(?:risks?|notes?|questions?|dependenc\w+|summary)\b|테스트|검증|롤백|의존|위험|비고|요약|질문|순서|병렬`)
)

// readSections gives each line the section that it stands in; a heading stands
// in the one around it.
func readSections(lines []line, all [][]candidate) []section {
	sections := make([]section, len(lines))
	stack := []section{{}}
	var informal *section // opened by "Notes:" or "**Notes**"
	for i, l := range lines {
		labelled := isLabelled(all[i])
		switch {
		case l.heading > 0:
			informal = nil
			for len(stack) > 1 && stack[len(stack)-1].level >= l.heading {
				stack = stack[:len(stack)-1]
			}
		case labelled && l.indent == 0:
			informal = nil
		}
		sections[i] = stack[len(stack)-1]
		if informal != nil {
			sections[i] = *informal
		}
		if labelled {
			continue
		}
		if l.heading > 0 {
			stack = append(stack, stack[len(stack)-1].below(l.text, i+1, l.heading))
		} else if title, ok := informalTitle(l); ok {
			s := stack[len(stack)-1].below(title, i+1, 0)
			informal = &s
		}
	}
	return sections
}

func isLabelled(all []candidate) bool {
	for _, c := range all {
		if c.word != "" || c.form == formID {
			return true
		}
	}
	return false
}

// below is a section within s.
func (s section) below(title string, index, level int) section {
	tasks := tasksTitle.MatchString(title) && !notTasksTitle.MatchString(title)
	return section{
		index: index, level: level, tasks: tasks,
		other: !tasks && (s.other || otherTitle.MatchString(title)),
		aside: !tasks && (s.aside || asideTitle.MatchString(title)),
	}
}

// informalTitle is the text of a line that is a heading in all but marks.
func informalTitle(l line) (string, bool) {
	if l.blank || l.code || l.marked() || l.indent > 0 || len(l.text) > 80 {
		return "", false
	}
	bold := strings.HasPrefix(l.text, "**") && strings.HasSuffix(strings.TrimRight(l.text, ":"), "**") && strings.Count(l.text, "**") == 2
	title := plain(l.text)
	colon := strings.HasSuffix(strings.TrimRight(l.text, "*_ "), ":") || strings.HasSuffix(l.text, ":**")
	return title, bold || colon && len(strings.Fields(title)) <= 8
}

// admits says that a candidate may be a task here.
func (s section) admits(c candidate) bool {
	if c.sure {
		return true
	}
	switch c.form {
	case formTask, formID, formStep, formPhase:
		return !s.aside
	case formBullet:
		return s.tasks
	default:
		return !s.aside && !s.other
	}
}
